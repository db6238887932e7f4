-- SPDX-License-Identifier: MIT
-- after: graphql_name
-- What a view says of itself: smart tags for GraphQL and REST, then words. Category names that differ in underscores only are one
-- name in GraphQL: the younger gets its number.
create or replace function tmidb.view_comment(p_version tmidb.schema_version, p_newest smallint) returns text
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select format(E'@name %s%s\n@primaryKey target_id,ts,reading_id\n@foreignKey (target_id) references api.target (target_id)\n@tmidbCategory %s\n@tmidbMajor %s\n%s%sReadings of %s, version %s.%s.%s',
    n.graphql,
    case when exists (select from tmidb.category o where o.category_id < c.category_id
                      -- Cheap, and true wherever the names are one: without it 200 categories took 1 s.
                      and replace(lower(o.name), '_', '') = replace(lower(c.name), '_', '')
                      and tmidb.graphql_name(o.name || '_v' || p_version.major) = n.graphql) then '_' || c.category_id else '' end,
    c.name, p_version.major,
    case when c.has_aggregates then E'@aggregates on\n' else '' end,
    case when p_version.major < p_newest then format(E'@deprecated Version %s of %s is newer since %s.\n', p_newest, c.name, (
      select to_char(min(v.created_at) at time zone 'UTC', 'YYYY-MM-DD') from tmidb.schema_version v
      where v.category_id = c.category_id and v.major = p_newest)) else '' end,
    c.name, p_version.major, p_version.minor,
    case when p_version.major < p_newest then format(' Version %s is newer.', p_newest) else '' end || coalesce(' ' || c.description, ''))
  from tmidb.category c, lateral (select tmidb.graphql_name(c.name || '_v' || p_version.major) as graphql) n
  where c.category_id = p_version.category_id
$$;

comment on function tmidb.view_comment(tmidb.schema_version, smallint) is 'Comment of the view of one major.';
revoke all on function tmidb.view_comment(tmidb.schema_version, smallint) from public;
