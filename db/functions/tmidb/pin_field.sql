-- SPDX-License-Identifier: MIT
-- after: category_locked, newest_version, channel
-- The type of a field whatever devices send: what does not fit is null in the view and whole in the payload. A view's column never
-- changes its type, so another type than the newest major has makes the next major; an integer may become a number within its own.
-- The shapes are forgotten: each is decided anew when it comes again.
create or replace function tmidb.pin_field(p_category text, p_field text, p_type text) returns text
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_category tmidb.category := tmidb.category_locked(p_category);
  v_newest tmidb.schema_version := tmidb.newest_version(v_category.category_id, p_field);
  v_type text;
  v_fields jsonb;
begin
  if p_type is not null and p_type not in ('boolean', 'integer', 'number', 'exact', 'text', 'json') then
    raise exception 'There is no type %.', quote_literal(left(p_type, 40)) using errcode = 'TM108',
      hint = 'boolean, integer, number, exact (every digit), text or json; null to let it be discovered again.';
  end if;
  insert into tmidb.field_setting (category_id, field, type) values (v_category.category_id, p_field, p_type)
  on conflict on constraint field_setting_pkey do update set type = excluded.type, changed_at = now();
  select f->>'type' into v_type from jsonb_array_elements(v_newest.fields) f where f->>'name' = p_field;
  if p_type <> v_type then
    select jsonb_agg(case when f->>'name' = p_field then f || jsonb_build_object('type', p_type) else f end order by o) into v_fields
    from jsonb_array_elements(v_newest.fields) with ordinality a(f, o);
    if v_type = 'integer' and p_type = 'number' then
      v_newest.minor := v_newest.minor + 1;
    else
      v_newest.major := v_newest.major + 1;
      v_newest.minor := 0;
      select jsonb_agg(f - 'was' order by o) into v_fields from jsonb_array_elements(v_fields) with ordinality a(f, o);
    end if;
    insert into tmidb.schema_version (category_id, major, minor, fields) values (v_category.category_id, v_newest.major, v_newest.minor, v_fields);
  end if;
  delete from tmidb.shape s where s.category_id = v_category.category_id;
  perform tmidb.republish(v_category.category_id);
  perform pg_notify(tmidb.channel('access'), 'pin');
  return v_newest.major || '.' || v_newest.minor;
end $$;

comment on function tmidb.pin_field(text, text, text) is
  'Keeps a field at a type (boolean, integer, number, exact, text, json) whatever devices send; null lets it be discovered again. Another type than the present one makes a new major. Returns the newest version. TM107: there is no such category or field.';
revoke all on function tmidb.pin_field(text, text, text) from public;
grant execute on function tmidb.pin_field(text, text, text) to tmidb_admin;
