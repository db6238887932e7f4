-- SPDX-License-Identifier: MIT
-- Bytes as text where they are text.
create or replace function tmidb.text_of(p_bytes bytea) returns text
language plpgsql immutable strict set search_path = pg_catalog, pg_temp
as $$
begin
  return convert_from(p_bytes, 'UTF8');
exception when character_not_in_repertoire or untranslatable_character then
  return null;
end $$;

comment on function tmidb.text_of(bytea) is 'The text that the bytes are in UTF-8; null if they are none.';
revoke all on function tmidb.text_of(bytea) from public;
