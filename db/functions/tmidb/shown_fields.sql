-- SPDX-License-Identifier: MIT
-- A version's fields as its view has columns of them: a renamed field has one for each name, the earlier ones last, with "renamed"
-- saying what it is called now. It has no search_path so that the planner can put it into the query.
create or replace function tmidb.shown_fields(p_fields jsonb) returns setof jsonb
language sql immutable parallel safe
as $$
  select f - 'was' from jsonb_array_elements(p_fields) f
  union all
  select (f - 'was') || w || jsonb_build_object('renamed', f->>'column')
  from jsonb_array_elements(p_fields) f, jsonb_array_elements(f->'was') w
$$;

comment on function tmidb.shown_fields(jsonb) is 'Fields {"name", "type", "column", "graphql", "renamed"}, one for each column; "renamed" on those that are called otherwise now.';
revoke all on function tmidb.shown_fields(jsonb) from public;
