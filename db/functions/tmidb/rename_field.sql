-- SPDX-License-Identifier: MIT
-- after: category_locked, newest_version, record_audit, shown_fields, field_column, graphql_name
-- Another name for a field in the API. A frozen major loses nothing: the newest one gets the new column beside the old, which goes on
-- as deprecated; from the next major on there is only the new one. Devices send the field as before.
create or replace function tmidb.rename_field(p_category text, p_field text, p_column text default null) returns text
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_category tmidb.category := tmidb.category_locked(p_category);
  v_newest tmidb.schema_version := tmidb.newest_version(v_category.category_id, p_field);
  v_column text := coalesce(p_column, tmidb.field_column(p_field));
  v_graphql text := tmidb.graphql_name(v_column);
  v_taken text[] := array(select f->>'graphql' from tmidb.shown_fields(v_newest.fields) f where f->>'name' <> p_field);
  v_other text;
  v_field jsonb;
  v_was jsonb;
begin
  select f into v_field from jsonb_array_elements(v_newest.fields) f where f->>'name' = p_field;
  if v_column = v_field->>'column' then return v_newest.major || '.' || v_newest.minor; end if;
  if p_column is not null and (p_column !~ '^[A-Za-z][A-Za-z0-9_]{0,62}$' or tmidb.field_column(p_column) <> p_column) then
    raise exception 'The name % cannot be used.', quote_literal(left(p_column, 80)) using errcode = 'TM108',
      hint = 'Use 1 to 63 of A-Z, a-z, 0-9 and _, starting with a letter; target, target_id, ts and reading_id are taken.';
  end if;
  -- On the way back a field has the GraphQL name it had.
  if v_graphql = any(v_taken) then
    select w->>'graphql' into v_graphql from jsonb_array_elements(v_field->'was') w where w->>'column' = v_column;
  end if;
  if v_graphql is null or v_graphql in ('target', 'targetId', 'ts', 'readingId') or exists (
      select from tmidb.shown_fields(v_newest.fields) f where f->>'name' <> p_field and f->>'column' = v_column) then
    raise exception 'The name % is taken.', quote_literal(v_column) using errcode = 'TM106',
      hint = 'Another field has it as its column or, as ' || tmidb.graphql_name(v_column) || ', in GraphQL. Choose another.';
  end if;
  -- tempC and temp_c are one name in GraphQL: the new column gets it, the values are the same.
  v_other := v_graphql;
  while v_other = any(v_taken || v_graphql) loop v_other := v_other || '_'; end loop;
  select jsonb_agg(w || case when w->>'graphql' = v_graphql then jsonb_build_object('graphql', v_other) else '{}' end order by o) into v_was
  from jsonb_array_elements(coalesce(v_field->'was', '[]') || jsonb_build_object('column', v_field->'column', 'graphql', v_field->'graphql'))
    with ordinality a(w, o)
  where w->>'column' <> v_column;
  insert into tmidb.schema_version (category_id, major, minor, fields)
  select v_category.category_id, v_newest.major, v_newest.minor + 1, jsonb_agg(case when f->>'name' = p_field
    then f || jsonb_build_object('column', v_column, 'graphql', v_graphql, 'was', v_was) else f end order by o)
  from jsonb_array_elements(v_newest.fields) with ordinality a(f, o);
  perform tmidb.record_audit('field.renamed', p_resource => 'category:' || p_category,
    p_detail => jsonb_build_object('category', p_category, 'field', p_field),
    p_before => jsonb_build_object('column', v_field->'column'), p_after => jsonb_build_object('column', v_column));
  return v_newest.major || '.' || v_newest.minor + 1;
end $$;

comment on function tmidb.rename_field(text, text, text) is
  'Gives a field another column and GraphQL name (null: its own); the present name answers as deprecated until the next major. Returns the newest version. TM106: the name is taken; TM107: there is no such category or field; TM108: it cannot be used.';
revoke all on function tmidb.rename_field(text, text, text) from public;
grant execute on function tmidb.rename_field(text, text, text) to tmidb_admin;
