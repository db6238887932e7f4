-- SPDX-License-Identifier: MIT
-- No policy of your tables says "true" to devices, listeners, members or everybody: it is as if there were no row security.
-- level: warn
select format('%s: %s lets %s %s any row', p.polrelid::regclass, p.polname,
    (select string_agg(case o when 0 then 'everybody' else o::regrole::text end, ', ') from unnest(p.polroles) o),
    case p.polcmd when 'r' then 'read' when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete' else 'read and write' end) as what,
  format('drop policy %I on %s; -- and one that says which rows', p.polname, p.polrelid::regclass) as mend,
  coalesce(obj_description(p.oid, 'pg_policy'), obj_description(p.polrelid, 'pg_class')) as comment
from pg_policy p
join pg_class c on c.oid = p.polrelid
join pg_namespace n on n.oid = c.relnamespace
where n.nspname in (select tmidb.exposed_schemas()) and n.nspname <> 'api'
  and p.polpermissive
  and (p.polroles && array[0::oid] or exists (select from pg_roles r where r.oid = any(p.polroles)
    and r.rolname in ('tmidb_anonymous', 'tmidb_speaker', 'tmidb_listener', 'tmidb_member')))
  and (regexp_replace(pg_get_expr(p.polqual, p.polrelid), '[()\s]', '', 'g') ~* '^(true|1=1|''?t(rue)?''?::boolean)$'
    or regexp_replace(pg_get_expr(p.polwithcheck, p.polrelid), '[()\s]', '', 'g') ~* '^(true|1=1|''?t(rue)?''?::boolean)$')
