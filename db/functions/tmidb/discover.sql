-- SPDX-License-Identifier: MIT
-- after: grow, flat_shape, contradictions, pinned_shape, overlaps, field_path, key_name
-- Which schema version a shape belongs to; called once for each shape that was never seen. Majors are tried from the newest: one
-- that no field contradicts takes the shape (rather one that has types for all of it than one whose json takes anything, so that numbers go
-- on being numbers), a new field or an integer that became a number makes its next minor. Where every major
-- is contradicted, a new major is made: the newest one's fields, the contradicted ones with their new type; where an object was a value
-- and the reverse, the members instead of the value. From the ninth major on what is contradicted becomes json, up to its top-level
-- key; nothing contradicts that, so majors come to an end whatever devices send. A strict category takes no new major at all;
-- a pinned field contradicts nothing.
create or replace function tmidb.discover(p_category_id smallint, p_sig bigint, p_shape jsonb) returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  c_most_fields constant int := 256;
  c_most_majors constant int := 8;
  v_major tmidb.schema_version;
  v_newest tmidb.schema_version;
  v_holder tmidb.schema_version;
  v_is_typed boolean;
  v_version int;
  v_shape constant jsonb := tmidb.pinned_shape(p_category_id, tmidb.flat_shape(p_shape));
  v_strict text;
  v_diff jsonb;
  v_broken text[];
  v_brought jsonb;
  v_fields jsonb;
  v_lat text;
  v_lon text;
begin
  -- Row and table locks, not advisory ones: those anybody with a login could hold.
  select case when is_strict then name end into v_strict from tmidb.category where category_id = p_category_id for no key update;
  select version_id into v_version from tmidb.shape where category_id = p_category_id and sig = p_sig;
  if found then return v_version; end if;

  for v_major in
    select distinct on (major) * from tmidb.schema_version
    where category_id = p_category_id order by major desc, minor desc
  loop
    if v_newest.major is null then v_newest := v_major; end if;
    continue when tmidb.contradictions(v_major.fields, v_shape) <> '[]';
    v_is_typed := not exists (
      select from jsonb_to_recordset(v_major.fields) f(name text, type text) join jsonb_each_text(v_shape) s on tmidb.overlaps(f.name, s.key)
      where f.type = 'json' and (f.name <> s.key or s.value <> 'json'));
    if v_is_typed or v_holder.major is null then v_holder := v_major; end if;
    exit when v_is_typed;
  end loop;
  if v_holder.major is not null then
    v_version := tmidb.grow(p_category_id, v_holder.major, v_holder.minor, v_holder.fields, v_shape, c_most_fields, v_holder.version_id);
    if v_holder.major <> v_newest.major then
      perform tmidb.grow(p_category_id, v_newest.major, v_newest.minor, v_newest.fields,
        (select coalesce(jsonb_object_agg(s.key, s.value), '{}') from jsonb_each(v_shape) s
         where not exists (select from jsonb_array_elements(v_newest.fields) f where tmidb.overlaps(f->>'name', s.key))),
        c_most_fields, v_newest.version_id);
    end if;
  end if;

  if v_version is null and v_newest.major is not null then
    v_diff := tmidb.contradictions(v_newest.fields, v_shape);
    if v_strict is not null then
      raise exception 'The category % is strict, and the reading would break it (%).', v_strict, (
          select string_agg(format('%s: %s where %s is known', left(e->>'name', 80), e->>'to', e->>'from'), ', ' order by o) filter (where o <= 5)
            || case when count(*) > 5 then format(' and %s more', count(*) - 5) else '' end
          from jsonb_array_elements(v_diff) with ordinality a(e, o))
        using errcode = 'TM223', detail = v_diff, hint = 'Send the known types, or let an administrator lift "strict".';
    elsif v_newest.major >= c_most_majors then
      v_broken := array(select distinct tmidb.key_name((tmidb.field_path(e->>'name'))[1]) from jsonb_array_elements(v_diff) e);
      select jsonb_agg(f - 'was' || case when f->>'name' = any(v_broken) then '{"type": "json"}'::jsonb else '{}' end order by o) into v_fields
      from jsonb_array_elements(v_newest.fields) with ordinality a(f, o)
      where f->>'name' = any(v_broken) or not exists (select from unnest(v_broken) b where tmidb.overlaps(f->>'name', b));
      select jsonb_object_agg(b, 'json') || coalesce((
        select jsonb_object_agg(s.key, s.value) from jsonb_each(v_shape) s
        where not exists (select from unnest(v_broken) b where tmidb.overlaps(s.key, b))), '{}')
      into v_brought from unnest(v_broken) b;
    else
      select jsonb_agg(f - 'was' || case when c.found is null then '{}' else jsonb_build_object('type', c.found) end order by o) into v_fields
      from jsonb_array_elements(v_newest.fields) with ordinality a(f, o)
      left join (select e->>'name' as name, e->>'to' as found from jsonb_array_elements(v_diff) e) c on c.name = f->>'name'
      where c.found is distinct from 'object'
        and not exists (select from jsonb_array_elements(v_diff) e where e->>'from' = 'object' and starts_with(f->>'name', (e->>'name') || '.'));
    end if;
  end if;
  if v_version is null then
    v_version := tmidb.grow(p_category_id, (coalesce(v_newest.major, 0) + 1)::smallint, -1::smallint, coalesce(v_fields, '[]'),
      coalesce(v_brought, v_shape), c_most_fields, null);
  end if;

  -- Where it is: two numbers of one object, rather further up than deep down.
  with number as (
    select s.key as name, k.path, k.path[1:cardinality(k.path) - 1] as within, lower(k.path[cardinality(k.path)]) as key
    from jsonb_each_text(v_shape) s, lateral (select tmidb.field_path(s.key) as path) k
    where s.value in ('integer', 'number') and length(s.key) <= 500
  )
  select a.name, o.name into v_lat, v_lon from number a join number o using (within)
  where a.key in ('lat', 'latitude') and o.key in ('lon', 'lng', 'long', 'longitude')
  order by cardinality(a.path), length(a.name), length(o.name), a.name collate "C", o.name collate "C" limit 1;
  insert into tmidb.shape (category_id, sig, version_id, latitude_field, longitude_field)
  values (p_category_id, p_sig, v_version, v_lat, v_lon);
  return v_version;
end $$;

comment on function tmidb.discover(smallint, bigint, jsonb) is
  'Finds or makes the schema version of a shape {"field": "type", "object": {"field": "type"}}; returns version_id. TM223: its category is strict, and it would need a new major.';
revoke all on function tmidb.discover(smallint, bigint, jsonb) from public;
