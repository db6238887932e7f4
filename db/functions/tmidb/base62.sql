-- SPDX-License-Identifier: MIT
-- A number in digits 0-9A-Za-z, for tokens.
create or replace function tmidb.base62(p_number numeric, p_digits integer) returns text
language plpgsql immutable strict set search_path = pg_catalog, pg_temp
as $$
declare
  v numeric := p_number;
  v_text text := '';
begin
  for i in 1 .. p_digits loop
    v_text := substr('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz', mod(v, 62)::int + 1, 1) || v_text;
    v := div(v, 62);
  end loop;
  return v_text;
end $$;

comment on function tmidb.base62(numeric, integer) is 'The last digits of a number in base 62.';
revoke all on function tmidb.base62(numeric, integer) from public;
