-- SPDX-License-Identifier: MIT
-- after: category_rights
-- A line a category, for people.
create or replace function tmidb.schema_list()
returns table (category text, description text, newest_version text, versions bigint, fields integer, is_strict boolean, is_overflowing boolean,
  changed_at timestamptz, last_seen timestamptz)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select c.name, c.description, n.major || '.' || n.minor, s.versions, coalesce(jsonb_array_length(n.fields), 0), c.is_strict, c.is_overflowing,
    s.changed_at, s.last_seen
  from tmidb.category_rights() r
  join tmidb.category c using (category_id)
  left join lateral (
    select major, minor, v.fields from tmidb.schema_version v where v.category_id = c.category_id order by major desc, minor desc limit 1) n on true
  cross join lateral (
    select count(*) as versions, max(v.created_at) as changed_at, max(q.last_seen) as last_seen
    from tmidb.schema_version v left join tmidb.version_seen q using (version_id) where v.category_id = c.category_id) s
  order by c.name
$$;

comment on function tmidb.schema_list() is
  'Categories with their newest version, how many versions and fields they have, whether they are strict, and when a version last came and a reading last was seen.';
revoke all on function tmidb.schema_list() from public;
grant execute on function tmidb.schema_list() to tmidb_viewer, tmidb_editor, tmidb_admin;
