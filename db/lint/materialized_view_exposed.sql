-- SPDX-License-Identifier: MIT
-- No materialized view that the API shows is open to devices, listeners, members or everybody: no row security guards what it holds.
-- level: warn
select format('%s: %s may read what %s once read', c.oid::regclass, string_agg(r.rolname, ', ' order by r.rolname), pg_get_userbyid(c.relowner)) as what,
  format('revoke all on %s from public, %s; -- and grant a view on it that picks rows', c.oid::regclass, string_agg(quote_ident(r.rolname), ', ' order by r.rolname)) as mend,
  obj_description(c.oid, 'pg_class') as comment
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
join pg_roles r on r.rolname in ('tmidb_anonymous', 'tmidb_speaker', 'tmidb_listener', 'tmidb_member')
where n.nspname in (select tmidb.exposed_schemas()) and c.relkind = 'm' and has_any_column_privilege(r.oid, c.oid, 'select')
group by c.oid
