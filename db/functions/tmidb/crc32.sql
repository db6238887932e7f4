-- SPDX-License-Identifier: MIT
-- The check digits at a token's end (PostgreSQL has crc32 only since 18); runs once a token.
create or replace function tmidb.crc32(p_bytes bytea) returns bigint
language plpgsql immutable strict set search_path = pg_catalog, pg_temp
as $$
declare
  v bigint := 4294967295;
begin
  for i in 0 .. octet_length(p_bytes) - 1 loop
    v := v # get_byte(p_bytes, i);
    for b in 1..8 loop
      v := (v >> 1) # (3988292384 * (v & 1));
    end loop;
  end loop;
  return v # 4294967295;
end $$;

comment on function tmidb.crc32(bytea) is 'CRC-32 as in zlib.';
revoke all on function tmidb.crc32(bytea) from public;
