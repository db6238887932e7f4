-- SPDX-License-Identifier: MIT
-- Tables hold more rows than remains of deleted and changed ones.
-- level: info
select format('%s: %s remains beside %s rows, last vacuumed %s', s.relid::regclass, s.n_dead_tup, s.n_live_tup,
    coalesce(greatest(s.last_vacuum, s.last_autovacuum)::date::text, 'never')) as what,
  format('vacuum (analyze) %s;', s.relid::regclass) as mend,
  obj_description(s.relid, 'pg_class') as comment
from pg_stat_user_tables s
where s.n_dead_tup > 10000 and s.n_dead_tup > s.n_live_tup
