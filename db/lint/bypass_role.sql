-- SPDX-License-Identifier: MIT
-- No login but a superuser stands above row security; one that makes backups has it in its comment.
-- level: warn
select format('role %I reads past row security', r.rolname) as what,
  format('alter role %I nobypassrls; -- or comment on role %I is ''@lint_ok bypass_role: makes the backups'';', r.rolname, r.rolname) as mend,
  shobj_description(r.oid, 'pg_authid') as comment
from pg_roles r
where r.rolbypassrls and not r.rolsuper
