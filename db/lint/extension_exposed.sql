-- SPDX-License-Identifier: MIT
-- No extension lives in a schema that the API shows: its functions and tables would be part of the API.
-- level: warn
select format('%s is in %I', e.extname, n.nspname) as what,
  format('alter extension %I set schema ext;', e.extname) as mend,
  obj_description(e.oid, 'pg_extension') as comment
from pg_extension e
join pg_namespace n on n.oid = e.extnamespace
where n.nspname in (select tmidb.exposed_schemas())
