-- SPDX-License-Identifier: MIT
-- Row security of your tables binds their owner too: a function or view that runs with the owner's rights reads past it otherwise.
-- level: info
select format('%s: its owner %s is not bound by its policies', c.oid::regclass, pg_get_userbyid(c.relowner)) as what,
  format('alter table %s force row level security;', c.oid::regclass) as mend,
  obj_description(c.oid, 'pg_class') as comment
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
where n.nspname in (select tmidb.exposed_schemas()) and n.nspname <> 'api'
  and c.relkind in ('r', 'p') and c.relrowsecurity and not c.relforcerowsecurity
