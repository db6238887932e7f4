-- SPDX-License-Identifier: MIT
-- No function that the API shows is written in a language without walls (C, plpython3u, plperlu): it can do what the server can.
-- level: error
select format('%s is written in %s', p.oid::regprocedure, l.lanname) as what,
  format('drop function %s;', p.oid::regprocedure) as mend,
  obj_description(p.oid, 'pg_proc') as comment
from pg_proc p
join pg_namespace n on n.oid = p.pronamespace
join pg_language l on l.oid = p.prolang and not l.lanpltrusted and l.lanname <> 'sql'
where n.nspname in (select tmidb.exposed_schemas() union select 'tmidb')
