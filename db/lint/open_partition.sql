-- SPDX-License-Identifier: MIT
-- A partition or child of a table of yours has row security of its own where devices or listeners may read it: its parent's does not cover it.
-- level: error
select format('%s, part of %s: %s may read it past the row security of the whole', c.oid::regclass, i.inhparent::regclass, string_agg(r.rolname, ', ' order by r.rolname)) as what,
  format('revoke all on %s from %s;', c.oid::regclass, string_agg(quote_ident(r.rolname), ', ' order by r.rolname)) as mend,
  obj_description(c.oid, 'pg_class') as comment
from pg_inherits i
join pg_class c on c.oid = i.inhrelid and c.relkind in ('r', 'p', 'f') and not c.relrowsecurity
join pg_namespace n on n.oid = c.relnamespace
join pg_class whole on whole.oid = i.inhparent and whole.relrowsecurity
join pg_roles r on r.rolname in ('tmidb_anonymous', 'tmidb_speaker', 'tmidb_listener', 'tmidb_member')
where n.nspname in (select tmidb.exposed_schemas()) and n.nspname <> 'api'
  and has_any_column_privilege(r.oid, c.oid, 'select')
group by c.oid, i.inhparent
