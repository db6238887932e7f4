-- SPDX-License-Identifier: MIT
-- A category by its name, made at need: rights may be given before the first reading.
create or replace function tmidb.category_named_or_made(p_name text) returns smallint
language plpgsql volatile strict security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_id smallint;
begin
  if p_name !~ '^[a-z][a-z0-9_]{0,47}$' then
    raise exception 'The category name % cannot be used.', quote_literal(left(p_name, 80)) using errcode = 'TM104',
      hint = 'Use 1 to 48 of a-z, 0-9 and _, starting with a letter.';
  end if;
  insert into tmidb.category (name) values (p_name) on conflict (name) do nothing;
  select category_id into v_id from tmidb.category where name = p_name;
  return v_id;
end $$;
comment on function tmidb.category_named_or_made(text) is 'category_id of a name; TM104 if it cannot be one.';
revoke all on function tmidb.category_named_or_made(text) from public;
