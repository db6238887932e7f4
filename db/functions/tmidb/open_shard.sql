-- SPDX-License-Identifier: MIT
-- Where to go on in a shard's stream. A stream that was made anew counts from 1, so the cursor starts over with it; positions do
-- not. If the stream has already dropped messages behind the cursor, the cursor jumps to what is left and an audit row says so.
create or replace function tmidb.open_shard(p_shard smallint, p_created timestamptz, p_first_seq bigint) returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v tmidb.ingest_cursor;
begin
  select * into v from tmidb.ingest_cursor where shard = p_shard for update;
  if v.stream_created <> p_created then
    v.last_seq := 0;
    update tmidb.ingest_cursor set stream_created = p_created, last_seq = 0 where shard = p_shard;
  end if;
  if p_first_seq > v.last_seq + 1 then
    insert into tmidb.audit (kind, actor, detail) values ('ingest.gap', 'drain',
      jsonb_build_object('shard', p_shard, 'from', v.last_seq + 1, 'to', p_first_seq - 1));
    v.last_seq := p_first_seq - 1;
    update tmidb.ingest_cursor set last_seq = v.last_seq where shard = p_shard;
  end if;
  return v.last_seq;
end $$;

comment on function tmidb.open_shard(smallint, timestamptz, bigint) is 'The last stored sequence of a shard''s stream.';
revoke all on function tmidb.open_shard(smallint, timestamptz, bigint) from public;
grant execute on function tmidb.open_shard(smallint, timestamptz, bigint) to tmidb_drain;
