-- SPDX-License-Identifier: MIT
-- No view that the API shows belongs to a superuser or a role above row security, unless it reads with the rights of whoever asks.
-- level: error
select format('%s belongs to %s', c.oid::regclass, o.rolname) as what,
  format('alter view %s set (security_invoker = true); -- or alter view %s owner to admin;', c.oid::regclass, c.oid::regclass) as mend,
  obj_description(c.oid, 'pg_class') as comment
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
join pg_roles o on o.oid = c.relowner and (o.rolsuper or o.rolbypassrls)
where n.nspname in (select tmidb.exposed_schemas()) and c.relkind = 'v'
  and not coalesce((select o.option_value::boolean from pg_options_to_table(c.reloptions) o where o.option_name = 'security_invoker'), false)
