-- SPDX-License-Identifier: MIT
-- No function of tmiDB's takes an advisory lock: whoever has SQL can hold the same one, and everybody waits.
-- level: error
select format('%s takes an advisory lock', p.oid::regprocedure) as what,
  'Lock a row or a table that only tmidb_owner can lock.' as mend
from pg_proc p
where p.pronamespace in ('tmidb'::regnamespace, 'api'::regnamespace)
  and coalesce(pg_get_function_sqlbody(p.oid), p.prosrc) ~* '\mpg_(try_)?advisory_'
