-- SPDX-License-Identifier: MIT
-- Groups that a target is in and that somebody was granted something of.
create or replace function tmidb.granted_groups(p_target_id uuid) returns integer[]
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select array(
    select g.group_id from tmidb.target_group g cross join tmidb.target t
    where t.target_id = p_target_id and g.group_id in (select group_id from tmidb.access_grant)
      and jsonb_path_match(t.meta, g.path, jsonb_build_object('key', t.key, 'name', t.name), true)
    order by 1)
$$;

comment on function tmidb.granted_groups(uuid) is 'Groups of a target that grants speak of.';
revoke all on function tmidb.granted_groups(uuid) from public;
