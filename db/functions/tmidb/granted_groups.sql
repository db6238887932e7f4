-- SPDX-License-Identifier: MIT
-- after: is_in_group
-- Groups that a target is in and that somebody was granted something of.
create or replace function tmidb.granted_groups(p_target_id uuid) returns integer[]
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select array(
    select g.group_id from tmidb.target_group g cross join tmidb.target t
    where t.target_id = p_target_id and g.group_id in (select group_id from tmidb.access_grant)
      and tmidb.is_in_group(g.path, t.key, t.name, t.meta)
    order by 1)
$$;

comment on function tmidb.granted_groups(uuid) is 'Groups of a target that grants speak of.';
revoke all on function tmidb.granted_groups(uuid) from public;
