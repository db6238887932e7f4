-- SPDX-License-Identifier: MIT
-- after: category_locked, republish
-- A category in an administrator's words; null takes them back.
create or replace function tmidb.describe_category(p_category text, p_description text) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_category tmidb.category := tmidb.category_locked(p_category);
begin
  if length(p_description) > 2000 then
    raise exception 'The description is too long.' using errcode = 'TM108', hint = 'At most 2,000 characters.';
  end if;
  update tmidb.category c set description = nullif(trim(p_description), '') where c.category_id = v_category.category_id;
  perform tmidb.republish(v_category.category_id);
end $$;

comment on function tmidb.describe_category(text, text) is
  'What a category is: shown by GraphQL, REST and OpenAPI; null takes it back. TM107: there is no such category.';
revoke all on function tmidb.describe_category(text, text) from public;
grant execute on function tmidb.describe_category(text, text) to tmidb_admin;
