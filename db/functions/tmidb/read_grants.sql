-- SPDX-License-Identifier: MIT
-- What a listener, a person by itself and by its role, or a role was granted to read, as tmidb.permission_class.grants has it: what is the same
-- is written the same.
create or replace function tmidb.read_grants(p_listener_id bigint, p_account_id bigint, p_role_id smallint) returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select coalesce(jsonb_agg(distinct jsonb_strip_nulls(jsonb_build_object('c', category_id, 't', target_id, 'g', group_id,
    'f', case when fields is not null then to_jsonb(array(select f from unnest(fields) f order by f collate "C")) end,
    'w', extract(epoch from time_window)::bigint))), '[]')
  from tmidb.access_grant
  where 'read' = any(actions) and (listener_id = p_listener_id or account_id = p_account_id
    or role_id = coalesce(p_role_id, (select role_id from tmidb.account where account_id = p_account_id)))
$$;
comment on function tmidb.read_grants(bigint, bigint, smallint) is 'Grants to read of a listener, a person or a role.';
revoke all on function tmidb.read_grants(bigint, bigint, smallint) from public;
