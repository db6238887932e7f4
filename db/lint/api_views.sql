-- SPDX-License-Identifier: MIT
-- The schema api holds only views of tmidb_views without security_invoker: row security then binds the view, and its users need no right on tables.
-- level: error
select format('%s: owner %s, options %s', c.oid::regclass, pg_get_userbyid(c.relowner), coalesce(c.reloptions::text, 'none')) as what
from pg_class c
where c.relnamespace = 'api'::regnamespace and c.relkind not in ('i', 'c')
  and (c.relkind <> 'v' or c.relowner <> 'tmidb_views'::regrole or c.reloptions::text ~* 'security_invoker')
