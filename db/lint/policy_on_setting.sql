-- SPDX-License-Identifier: MIT
-- No policy of yours believes a setting that a session may set itself: who can run SQL can set it to anything.
-- level: error
select format('%s: %s reads current_setting(%s)', p.polrelid::regclass, p.polname, s.name) as what,
  'Ask (select tmidb.identity()), which believes claims of the API''s login only, or current_user.' as mend,
  coalesce(obj_description(p.oid, 'pg_policy'), obj_description(p.polrelid, 'pg_class')) as comment
from pg_policy p
join pg_class c on c.oid = p.polrelid
join pg_namespace n on n.oid = c.relnamespace
cross join lateral (
  select distinct m[1] as name
  from regexp_matches(concat_ws(' ', pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)), 'current_setting\(([^,)]+)', 'g') m) s
where n.nspname in (select tmidb.exposed_schemas()) and n.nspname <> 'api'
