-- SPDX-License-Identifier: MIT
-- after: schema_changes, view_fields, category_rights
-- All that is known of a category's schema, for people who see all of it.
create or replace function tmidb.schema_of(p_category text) returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_category tmidb.category;
begin
  select c.* into v_category from tmidb.category c join tmidb.category_rights() r using (category_id) where c.name = p_category;
  if not found then
    raise exception 'There is no category named %.', quote_nullable(left(p_category, 80)) using errcode = 'TM107', hint = 'Check the spelling.';
  end if;
  return jsonb_build_object('category', v_category.name, 'description', v_category.description, 'strict', v_category.is_strict,
    'overflowing', v_category.is_overflowing,
    'fields', coalesce((
      select tmidb.view_fields(v) from tmidb.schema_version v where v.category_id = v_category.category_id order by v.major desc, v.minor desc limit 1), '[]'),
    'versions', coalesce((select jsonb_agg(to_jsonb(s) - 'category') from tmidb.schema_changes(p_category) s), '[]'));
end $$;

comment on function tmidb.schema_of(text) is
  'Schema of a category: {"category", "description", "strict", "overflowing", "fields" of the newest version, "versions", newest first}. TM107: there is no such category.';
revoke all on function tmidb.schema_of(text) from public;
grant execute on function tmidb.schema_of(text) to tmidb_viewer, tmidb_editor, tmidb_admin;
