-- SPDX-License-Identifier: MIT
-- A table of yours has a primary key: without it the API has no address for a row, no upsert and no stable pages.
-- level: warn
select format('%s has no primary key', c.oid::regclass) as what,
  format('alter table %s add column id bigint generated always as identity primary key;', c.oid::regclass) as mend,
  obj_description(c.oid, 'pg_class') as comment
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
where n.nspname in (select tmidb.exposed_schemas()) and n.nspname <> 'api'
  and c.relkind in ('r', 'p') and not c.relispartition
  and not exists (select from pg_constraint k where k.conrelid = c.oid and k.contype = 'p')
