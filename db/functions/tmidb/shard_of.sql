-- SPDX-License-Identifier: MIT
-- The one definition of a shard, twice: here and in src/nats-bridge/shard.ts (parity is tested). sha-256 because every
-- PostgreSQL and every Node has it and it spreads any key.
create or replace function tmidb.shard_of(p_key text) returns smallint
language sql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$ select (get_byte(sha256(convert_to(p_key, 'UTF8')), 0) & 7)::smallint $$;

comment on function tmidb.shard_of(text) is 'Shard 0 to 7 of a target''s key.';
revoke all on function tmidb.shard_of(text) from public;
grant execute on function tmidb.shard_of(text) to tmidb_speaker, tmidb_member, tmidb_editor, tmidb_admin;
