-- SPDX-License-Identifier: MIT
-- An index of yours of more than 1 MB is used: it costs every write. (Counted since the statistics began, so not to be believed in the first days.)
-- level: info
select format('%s: %s, never read', i.indexrelid::regclass, pg_size_pretty(pg_relation_size(i.indexrelid))) as what,
  format('drop index %s;', i.indexrelid::regclass) as mend,
  obj_description(i.indexrelid, 'pg_class') as comment
from pg_index i
join pg_class c on c.oid = i.indexrelid
join pg_namespace n on n.oid = c.relnamespace
join pg_stat_user_indexes s on s.indexrelid = i.indexrelid and s.idx_scan = 0
where n.nspname in (select tmidb.exposed_schemas()) and n.nspname <> 'api'
  and c.relpages > 128 and not i.indisunique and not i.indisexclusion
  -- What a foreign key stands on is read when the other side is deleted.
  and not exists (select from pg_constraint k where k.conrelid = i.indrelid and k.contype = 'f'
    and (i.indkey::int2[])[0:cardinality(k.conkey) - 1] @> k.conkey)
