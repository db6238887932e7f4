-- SPDX-License-Identifier: MIT
-- Your tables and views say what they are: a comment becomes the API's documentation.
-- level: info
select format('%s has no comment', c.oid::regclass) as what,
  format('comment on %s %s is ''...'';', case c.relkind when 'v' then 'view' when 'm' then 'materialized view' when 'f' then 'foreign table' else 'table' end, c.oid::regclass) as mend
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
where n.nspname in (select tmidb.exposed_schemas()) and n.nspname <> 'api' and c.relkind in ('r', 'p', 'v', 'm', 'f')
  and not c.relispartition and obj_description(c.oid, 'pg_class') is null
