-- SPDX-License-Identifier: MIT
-- after: base62, crc32
-- A new secret: tmi_<kind>_<32 base62 = 190 bits><6 base62 crc>. The crc lets scanners and doors tell a real one from an invented one
-- without asking. Randomness is PostgreSQL's strong source, by way of two random UUIDs.
create or replace function tmidb.token_text(p_kind text) returns text
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
  v_random numeric := 0;
  v_bytes bytea := sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()));
  v_text text;
begin
  for i in 0..31 loop v_random := v_random * 256 + get_byte(v_bytes, i); end loop;
  v_text := 'tmi_' || p_kind || '_' || tmidb.base62(v_random, 32);
  return v_text || tmidb.base62(tmidb.crc32(convert_to(v_text, 'UTF8')), 6);
end $$;

comment on function tmidb.token_text(text) is 'A new secret of a kind: tmi_<kind>_ and 38 letters and digits.';
revoke all on function tmidb.token_text(text) from public;
