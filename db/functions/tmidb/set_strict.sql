-- SPDX-License-Identifier: MIT
-- after: channel
-- In a strict category a payload that would need a new major is refused (TM223); new fields and wider numbers go on as minors. A
-- category that is not there yet is made, and takes its first reading as its version.
create or replace function tmidb.set_strict(p_category text, p_strict boolean default true) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
  if p_category is null or p_category !~ '^[a-z][a-z0-9_]{0,47}$' then
    raise exception 'The category name % cannot be used.', quote_nullable(left(p_category, 80)) using errcode = 'TM104',
      hint = 'Use 1 to 48 of a-z, 0-9 and _, starting with a letter.';
  elsif p_strict is null then
    raise exception 'A category is strict or not.' using errcode = 'TM108', hint = 'Say true or false.';
  end if;
  insert into tmidb.category (name) values (p_category) on conflict (name) do nothing;
  update tmidb.category c set is_strict = p_strict where c.name = p_category and c.is_strict <> p_strict;
  if found then
    perform pg_notify(tmidb.channel('access'), 'strict');
  end if;
end $$;

comment on function tmidb.set_strict(text, boolean) is
  'Whether payloads of a category that would break its readers (a known field with another type) are refused with TM223. TM104: the name cannot be used.';
revoke all on function tmidb.set_strict(text, boolean) from public;
grant execute on function tmidb.set_strict(text, boolean) to tmidb_admin;
