-- SPDX-License-Identifier: MIT
-- Roles of tmiDB are members of each other only as db/policies/roles.sql says, and of none of PostgreSQL's own: what is granted to one would reach another.
-- level: error
select format('%s is a member of %s', m.member::regrole, m.roleid::regrole) as what,
  format('revoke %s from %s;', m.roleid::regrole, m.member::regrole) as mend
from pg_auth_members m
join pg_roles i on i.oid = m.member
join pg_roles o on o.oid = m.roleid
where i.rolname ~ '^tmidb_' and not case i.rolname
  when 'tmidb_api' then o.rolname in ('tmidb_anonymous', 'tmidb_speaker', 'tmidb_listener', 'tmidb_member', 'tmidb_viewer', 'tmidb_editor', 'tmidb_admin')
  when 'tmidb_owner' then o.rolname ~ '^tmidb_(views|worker|speaker|listener|member|viewer|editor|admin)$' or o.rolname = 'pg_signal_backend' or o.rolname !~ '^(tmidb|pg)_'
  else i.rolname = 'tmidb_member' and o.rolname = 'tmidb_listener' end
