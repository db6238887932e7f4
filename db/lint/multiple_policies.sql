-- SPDX-License-Identifier: MIT
-- A table of yours has one permissive policy for a role and a command: several are joined by "or", which shows more than each says.
-- level: warn
select format('%s: %s may %s by any of %s', p.polrelid::regclass, case o.role when 0 then 'everybody' else o.role::regrole::text end,
    case k.command when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' else 'delete' end, string_agg(p.polname, ', ' order by p.polname)) as what,
  'Make one policy of them, or the narrowing one "as restrictive".' as mend,
  obj_description(p.polrelid, 'pg_class') as comment
from pg_policy p
join pg_class c on c.oid = p.polrelid
join pg_namespace n on n.oid = c.relnamespace
cross join unnest(p.polroles) o(role)
cross join unnest(array['r', 'a', 'w', 'd']::"char"[]) k(command)
where n.nspname in (select tmidb.exposed_schemas()) and n.nspname <> 'api'
  and p.polpermissive and p.polcmd in ('*', k.command)
group by p.polrelid, o.role, k.command
having count(*) > 1
