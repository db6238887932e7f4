-- SPDX-License-Identifier: MIT
-- Nobody but owners and administrators may make something in a schema: what devices and listeners make there, others would run.
-- level: error
select format('%s may create in %I', string_agg(r.rolname, ', ' order by r.rolname), n.nspname) as what,
  format('revoke create on schema %I from public, %s;', n.nspname, string_agg(quote_ident(r.rolname), ', ' order by r.rolname)) as mend,
  obj_description(n.oid, 'pg_namespace') as comment
from pg_namespace n
join pg_roles r on r.rolname in ('tmidb_anonymous', 'tmidb_speaker', 'tmidb_listener', 'tmidb_member', 'tmidb_viewer', 'tmidb_editor', 'tmidb_api', 'tmidb_edge', 'tmidb_drain')
where n.nspname !~ '^pg_(toast|temp)' and has_schema_privilege(r.oid, n.oid, 'create')
group by n.oid
