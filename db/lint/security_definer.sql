-- SPDX-License-Identifier: MIT
-- A security definer function belongs to tmidb_owner, has a fixed search_path that ends on pg_temp, and may not be executed by public.
-- level: error
select format('%s: owner %s, %s%s', p.oid::regprocedure, pg_get_userbyid(p.proowner),
  coalesce(array_to_string(p.proconfig, ', '), 'no search_path'),
  case when a.public then ', executable by public' else '' end) as what
from pg_proc p
cross join lateral (
  select coalesce(bool_or(x.grantee = 0), false) as public
  from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) x where x.privilege_type = 'EXECUTE') a
where p.pronamespace in ('tmidb'::regnamespace, 'api'::regnamespace) and p.prosecdef
  and (p.proowner <> 'tmidb_owner'::regrole or a.public or not coalesce('search_path=pg_catalog, pg_temp' = any(p.proconfig), false))
