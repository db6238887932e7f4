-- SPDX-License-Identifier: MIT
-- after: publish_views
-- Turns aggregates in GraphQL on or off for a category. They make some ten types a view, hence the choice; only the comments of the
-- views change, and the API follows them.
create or replace function tmidb.set_aggregates(p_category text, p_enabled boolean) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
  update tmidb.category set has_aggregates = p_enabled where name = p_category;
  if not found then
    raise exception 'There is no category named %.', quote_literal(left(p_category, 80)) using errcode = 'TM107', hint = 'Check the spelling.';
  end if;
  perform tmidb.publish_views();
end $$;

comment on function tmidb.set_aggregates(text, boolean) is
  'Turns aggregates and groups of a category''s readings in GraphQL on or off. TM107: there is no such category.';
revoke all on function tmidb.set_aggregates(text, boolean) from public;
grant execute on function tmidb.set_aggregates(text, boolean) to tmidb_admin;
