-- SPDX-License-Identifier: MIT
-- What is made later is open to nobody by default but to viewers, editors and administrators.
-- level: warn
select format('new %s of %s%s: %s for %s',
    case d.defaclobjtype when 'r' then 'tables' when 'S' then 'sequences' when 'f' then 'functions' when 'T' then 'types' else 'schemas' end,
    d.defaclrole::regrole, case when d.defaclnamespace = 0 then '' else ' in ' || d.defaclnamespace::regnamespace end,
    string_agg(lower(a.privilege_type), ', '), case a.grantee when 0 then 'everybody' else a.grantee::regrole::text end) as what,
  format('alter default privileges for role %s%s revoke all on %s from %s;', d.defaclrole::regrole,
    case when d.defaclnamespace = 0 then '' else ' in schema ' || d.defaclnamespace::regnamespace end,
    case d.defaclobjtype when 'r' then 'tables' when 'S' then 'sequences' when 'f' then 'functions' when 'T' then 'types' else 'schemas' end,
    case a.grantee when 0 then 'public' else a.grantee::regrole::text end) as mend,
  null::text as comment
from pg_default_acl d
cross join aclexplode(d.defaclacl) a
where d.defaclobjtype <> 'T'
  and (a.grantee = 0 or a.grantee in (select r.oid from pg_roles r where r.rolname in ('tmidb_anonymous', 'tmidb_speaker', 'tmidb_listener', 'tmidb_member')))
group by d.oid, d.defaclobjtype, d.defaclrole, d.defaclnamespace, a.grantee
