-- SPDX-License-Identifier: MIT
-- after: grow, contradictions, pinned_shape
-- Which schema version a shape belongs to; called once for each shape that was never seen. Majors are tried from the newest: one
-- that no field contradicts takes the shape, a new field or an integer that became a number makes its next minor. Where every major
-- is contradicted, a new major is made: the newest one's fields, the contradicted ones with their new type. From the ninth major
-- on a contradicted field becomes json, which nothing contradicts, so majors come to an end whatever devices send. A
-- strict category takes no new major at all; a pinned field contradicts nothing.
create or replace function tmidb.discover(p_category_id smallint, p_sig bigint, p_shape jsonb) returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  c_most_fields constant int := 256;
  c_most_majors constant int := 8;
  v_major tmidb.schema_version;
  v_newest tmidb.schema_version;
  v_version int;
  v_fields jsonb;
  v_strict text;
  v_diff jsonb;
  v_name text;
  v_lat text;
  v_lon text;
begin
  -- Row and table locks, not advisory ones: those anybody with a login could hold.
  select case when is_strict then name end into v_strict from tmidb.category where category_id = p_category_id for update;
  select version_id into v_version from tmidb.shape where category_id = p_category_id and sig = p_sig;
  if found then return v_version; end if;
  p_shape := tmidb.pinned_shape(p_category_id, p_shape);

  for v_major in
    select distinct on (major) * from tmidb.schema_version
    where category_id = p_category_id order by major desc, minor desc
  loop
    if v_newest.major is null then v_newest := v_major; end if;
    continue when tmidb.contradictions(v_major.fields, p_shape) <> '[]';
    v_version := tmidb.grow(p_category_id, v_major.major, v_major.minor, v_major.fields, p_shape, c_most_fields, v_major.version_id);
    if v_major.major <> v_newest.major then
      perform tmidb.grow(p_category_id, v_newest.major, v_newest.minor, v_newest.fields,
        (select coalesce(jsonb_object_agg(s.key, s.value), '{}') from jsonb_each(p_shape) s
         where not exists (select from jsonb_array_elements(v_newest.fields) f where f->>'name' = s.key)),
        c_most_fields, v_newest.version_id);
    end if;
    exit;
  end loop;

  if v_version is null then
    if v_newest.major is not null and v_strict is not null then
      v_diff := tmidb.contradictions(v_newest.fields, p_shape);
      raise exception 'The category % is strict, and the reading would break it (%).', v_strict, (
          select string_agg(format('%s: %s where %s is known', left(e->>'name', 80), e->>'to', e->>'from'), ', ' order by o) filter (where o <= 5)
            || case when count(*) > 5 then format(' and %s more', count(*) - 5) else '' end
          from jsonb_array_elements(v_diff) with ordinality a(e, o))
        using errcode = 'TM223', detail = v_diff, hint = 'Send the known types, or let an administrator lift "strict".';
    end if;
    if v_newest.major is not null then
      select jsonb_agg(case when s.value is null or f->>'type' = s.value or f->>'type' = 'json' then f
          when v_newest.major >= c_most_majors then f || '{"type": "json"}'
          when f->>'type' in ('integer', 'number') and s.value in ('integer', 'number') then f || '{"type": "number"}'
          when f->>'type' = 'exact' and s.value in ('integer', 'number') then f
          else f || jsonb_build_object('type', s.value) end order by o)
      into v_fields
      from (select x - 'was' as f, n as o from jsonb_array_elements(v_newest.fields) with ordinality a(x, n)) known
      left join jsonb_each_text(p_shape) s on s.key = f->>'name';
    end if;
    v_version := tmidb.grow(p_category_id, (coalesce(v_newest.major, 0) + 1)::smallint, -1::smallint, coalesce(v_fields, '[]'),
      p_shape, c_most_fields, null);
  end if;

  for v_name in select key from jsonb_each_text(p_shape) where value in ('integer', 'number') order by length(key) desc loop
    if lower(v_name) in ('lat', 'latitude') then v_lat := v_name; end if;
    if lower(v_name) in ('lon', 'lng', 'long', 'longitude') then v_lon := v_name; end if;
  end loop;
  insert into tmidb.shape (category_id, sig, version_id, latitude_field, longitude_field)
  values (p_category_id, p_sig, v_version, case when v_lon is not null then v_lat end, case when v_lat is not null then v_lon end);
  return v_version;
end $$;

comment on function tmidb.discover(smallint, bigint, jsonb) is
  'Finds or makes the schema version of a shape {"field": "type"}; returns version_id. TM223: its category is strict, and it would need a new major.';
revoke all on function tmidb.discover(smallint, bigint, jsonb) from public;
