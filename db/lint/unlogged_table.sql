-- SPDX-License-Identifier: MIT
-- No table is unlogged, but for the counts of requests of the last minutes: a crash empties it.
-- level: error
select format('%s is unlogged', c.oid::regclass) as what,
  format('alter table %s set logged;', c.oid::regclass) as mend,
  obj_description(c.oid, 'pg_class') as comment
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
where c.relpersistence = 'u' and c.relkind in ('r', 'm')
  and (n.nspname in (select tmidb.exposed_schemas()) or n.nspname in ('tmidb', 'tmidb_parts', 'graphile_worker'))
  and c.oid is distinct from to_regclass('tmidb.rate_count')
