-- SPDX-License-Identifier: MIT
-- after: category_locked, newest_version, republish
-- A field in an administrator's words; null takes them back. Programs read lines that begin with @ in a comment: a description
-- has none at its start.
create or replace function tmidb.describe_field(p_category text, p_field text, p_description text, p_unit text default null) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_category tmidb.category := tmidb.category_locked(p_category);
begin
  perform tmidb.newest_version(v_category.category_id, p_field);
  if length(p_description) > 2000 or length(p_unit) > 40 then
    raise exception 'The description is too long.' using errcode = 'TM108', hint = 'At most 2,000 characters, and 40 for the unit.';
  elsif ltrim(p_description) ~ '^@' then
    raise exception 'A description cannot begin with "@".' using errcode = 'TM108', hint = 'Begin with a word.';
  end if;
  insert into tmidb.field_setting (category_id, field, description, unit)
  values (v_category.category_id, p_field, nullif(trim(p_description), ''), nullif(trim(p_unit), ''))
  on conflict on constraint field_setting_pkey do update set description = excluded.description, unit = excluded.unit, changed_at = now();
  perform tmidb.republish(v_category.category_id);
end $$;

comment on function tmidb.describe_field(text, text, text, text) is
  'What a field means and its unit: shown by GraphQL, REST and OpenAPI; null takes it back. TM107: there is no such category or field.';
revoke all on function tmidb.describe_field(text, text, text, text) from public;
grant execute on function tmidb.describe_field(text, text, text, text) to tmidb_admin;
