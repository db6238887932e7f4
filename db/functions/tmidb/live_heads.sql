-- SPDX-License-Identifier: MIT
-- Up to where each shard is committed: the vector that a live cursor starts from.
create or replace function tmidb.live_heads() returns bigint[]
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$ select array_agg(position order by shard) from tmidb.ingest_cursor $$;

comment on function tmidb.live_heads() is 'Positions of the eight shards.';
revoke all on function tmidb.live_heads() from public;
grant execute on function tmidb.live_heads() to tmidb_api;
