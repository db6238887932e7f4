-- SPDX-License-Identifier: MIT
-- No index is the same as another one, or the beginning of another one: it costs every write and serves no read.
-- level: warn
select format('%s is covered by %s', i.indexrelid::regclass, j.indexrelid::regclass) as what,
  format('drop index %s;', i.indexrelid::regclass) as mend,
  obj_description(i.indexrelid, 'pg_class') as comment
from pg_index i
join pg_class c on c.oid = i.indexrelid
join pg_namespace n on n.oid = c.relnamespace
join pg_index j on j.indrelid = i.indrelid and j.indexrelid <> i.indexrelid
where (n.nspname in ('tmidb', 'tmidb_parts') or n.nspname in (select tmidb.exposed_schemas()))
  and i.indpred is null and j.indpred is null and i.indexprs is null and j.indexprs is null
  and (j.indkey::text || ' ') like (i.indkey::text || ' %') and (j.indclass::text || ' ') like (i.indclass::text || ' %')
  and (j.indoption::text || ' ') like (i.indoption::text || ' %')
  and (not i.indisunique or i.indkey = j.indkey)
  and (i.indkey <> j.indkey or i.indexrelid > j.indexrelid)
