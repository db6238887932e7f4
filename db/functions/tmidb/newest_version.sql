-- SPDX-License-Identifier: MIT
-- The newest minor of the newest major, which has every field of the category; p_field must be one of them.
create or replace function tmidb.newest_version(p_category_id smallint, p_field text) returns tmidb.schema_version
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_version tmidb.schema_version;
begin
  select * into v_version from tmidb.schema_version where category_id = p_category_id order by major desc, minor desc limit 1;
  if not exists (select from jsonb_array_elements(v_version.fields) f where f->>'name' = p_field) then
    raise exception 'There is no field named %.', quote_literal(left(p_field, 80)) using errcode = 'TM107',
      hint = coalesce('There are: ' || (select string_agg(f->>'name', ', ' order by o) from jsonb_array_elements(v_version.fields) with ordinality a(f, o)
        where o <= 20) || '.', 'The category has no reading yet.');
  end if;
  return v_version;
end $$;

comment on function tmidb.newest_version(smallint, text) is 'The newest schema version of a category, which has to know the field (TM107).';
revoke all on function tmidb.newest_version(smallint, text) from public;
