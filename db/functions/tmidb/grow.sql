-- SPDX-License-Identifier: MIT
-- after: field_column, graphql_name, shown_fields
-- The next minor of a major, if the shape brings anything to it: new fields behind the known ones, integers widened to numbers.
create or replace function tmidb.grow(p_category_id smallint, p_major smallint, p_minor smallint, p_fields jsonb, p_shape jsonb,
  p_most int, p_version_id int) returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_fields jsonb;
  v_version int;
  v_new record;
  v_graphql text;
  v_column text;
  v_columns text[];
  v_names text[];
begin
  select coalesce(jsonb_agg(case when f->>'type' = 'integer' and p_shape->>(f->>'name') = 'number'
           then f || '{"type": "number"}' else f end order by o), '[]')
  into v_fields
  from jsonb_array_elements(p_fields) with ordinality a(f, o);
  select coalesce(array_agg(f->>'column'), '{}'), coalesce(array_agg(f->>'graphql'), '{}') into v_columns, v_names
  from tmidb.shown_fields(p_fields) f;

  for v_new in
    select s.key, s.value from jsonb_each_text(p_shape) s
    where not exists (select from jsonb_array_elements(p_fields) f where f->>'name' = s.key)
    order by s.key collate "C"
  loop
    if jsonb_array_length(v_fields) >= p_most then
      update tmidb.category set is_overflowing = true where category_id = p_category_id and not is_overflowing;
      exit;
    end if;
    v_column := tmidb.field_column(v_new.key);
    while v_column = any(v_columns) loop v_column := left(v_column, 10) || '_' || substr(md5(v_column || v_new.key), 1, 12); end loop;
    v_graphql := tmidb.graphql_name(v_column);
    while v_graphql = any(v_names || array['target', 'targetId', 'ts', 'readingId']) loop
      v_graphql := v_graphql || '_';
    end loop;
    v_columns := v_columns || v_column;
    v_names := v_names || v_graphql;
    v_fields := v_fields || jsonb_build_object('name', v_new.key, 'type', v_new.value, 'column', v_column, 'graphql', v_graphql);
  end loop;

  if p_version_id is not null and v_fields = p_fields then return p_version_id; end if;
  insert into tmidb.schema_version (category_id, major, minor, fields)
  values (p_category_id, p_major, p_minor + 1, v_fields) returning version_id into v_version;
  return v_version;
end $$;

comment on function tmidb.grow(smallint, smallint, smallint, jsonb, jsonb, int, int) is
  'Makes the next minor version of a major where the shape adds to it; returns the version_id that holds the shape.';
revoke all on function tmidb.grow(smallint, smallint, smallint, jsonb, jsonb, int, int) from public;
