-- SPDX-License-Identifier: MIT
-- after: is_in_group
-- All groups of targets with how many are in them now, for administrators.
create or replace function tmidb.target_groups()
returns table (group_id integer, name text, condition text, targets bigint, grants bigint, created_at timestamptz)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select g.group_id, g.name, g.condition,
    (select count(*) from tmidb.target t where tmidb.is_in_group(g.path, t.key, t.name, t.meta)),
    (select count(*) from tmidb.access_grant a where a.group_id = g.group_id), g.created_at
  from tmidb.target_group g
$$;
comment on function tmidb.target_groups() is 'All groups of targets.';
revoke all on function tmidb.target_groups() from public;
grant execute on function tmidb.target_groups() to tmidb_admin;
