-- SPDX-License-Identifier: MIT
-- Every table, view, column and function says what it means; the API's documentation is made of it.
-- level: warn
-- (The migration's own two tables keep what it has done and reach nobody.)
select format('%s %s', case c.relkind when 'v' then 'view' else 'table' end, c.oid::regclass) as what
from pg_class c
where c.relnamespace in ('tmidb'::regnamespace, 'api'::regnamespace) and c.relkind in ('r', 'p', 'v')
  and obj_description(c.oid, 'pg_class') is null and c.relname not in ('migration', 'code_version')
union all
select format('column %s.%I', c.oid::regclass, a.attname)
from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
where c.relnamespace in ('tmidb'::regnamespace, 'api'::regnamespace) and c.relkind in ('r', 'p', 'v')
  and col_description(c.oid, a.attnum) is null
  and c.relname not in ('migration', 'code_version')
union all
select format('function %s', p.oid::regprocedure)
from pg_proc p
where p.pronamespace in ('tmidb'::regnamespace, 'api'::regnamespace) and obj_description(p.oid, 'pg_proc') is null
