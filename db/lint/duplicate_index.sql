-- SPDX-License-Identifier: MIT
-- No index is the same as another one, or the beginning of another one: it costs every write and serves no read.
select format('%s is covered by %s', i.indexrelid::regclass, j.indexrelid::regclass) as what
from pg_index i
join pg_class c on c.oid = i.indexrelid and c.relnamespace in ('tmidb'::regnamespace, 'tmidb_parts'::regnamespace)
join pg_index j on j.indrelid = i.indrelid and j.indexrelid <> i.indexrelid
where i.indpred is null and j.indpred is null and i.indexprs is null and j.indexprs is null
  and (j.indkey::text || ' ') like (i.indkey::text || ' %') and (j.indclass::text || ' ') like (i.indclass::text || ' %')
  and (j.indoption::text || ' ') like (i.indoption::text || ' %')
  and (not i.indisunique or i.indkey = j.indkey)
  and (i.indkey <> j.indkey or i.indexrelid > j.indexrelid)
