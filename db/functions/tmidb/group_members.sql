-- SPDX-License-Identifier: MIT
-- after: group_named, is_in_group
-- Who is in a group now, by key.
create or replace function tmidb.group_members(p_name text) returns setof text
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select t.key from tmidb.target_group g
  join tmidb.target t on tmidb.is_in_group(g.path, t.key, t.name, t.meta)
  where g.group_id = tmidb.group_named(p_name) order by t.key
$$;
comment on function tmidb.group_members(text) is 'Keys of the targets that are in a group now; TM107 if there is no such group.';
revoke all on function tmidb.group_members(text) from public;
grant execute on function tmidb.group_members(text) to tmidb_admin;
