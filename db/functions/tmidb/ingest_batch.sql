-- SPDX-License-Identifier: MIT
-- after: store, quarantine
-- The drain's one call. The fence first: cursors are locked in order and move only from exactly where they stand, in the same
-- transaction as the rows, so a batch that was stored before (TM001) or does not follow (TM002) changes nothing, whoever sends it.
create or replace function tmidb.ingest_batch(
  p_shards smallint[], p_created timestamptz[], p_first bigint[], p_last bigint[], p_refused jsonb,
  p_keys text[], p_key_shards smallint[], p_categories text[], p_sigs bigint[], p_shapes text[], p_speakers bigint[],
  p_target int[], p_shape int[], p_speaker int[], p_ts timestamptz[], p_mid text[], p_payload text[])
returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_moved int;
  v_result jsonb;
begin
  perform from tmidb.ingest_cursor where shard = any(p_shards) order by shard for update;
  update tmidb.ingest_cursor c set last_seq = u.last
  from unnest(p_shards, p_created, p_first, p_last) u(shard, created, first, last)
  where c.shard = u.shard and c.stream_created = u.created and c.last_seq = u.first - 1;
  get diagnostics v_moved = row_count;
  if v_moved <> cardinality(p_shards) then
    if exists (select from tmidb.ingest_cursor c join unnest(p_shards, p_created, p_first) u(shard, created, first) using (shard)
               where c.stream_created <> u.created or c.last_seq < u.first - 1) then
      raise exception 'The batch does not follow what is stored.' using errcode = 'TM002',
        hint = 'Open the shard again at its cursor.';
    end if;
    raise exception 'This batch was already stored.' using errcode = 'TM001';
  end if;
  v_result := tmidb.store(p_keys, p_key_shards, p_categories, p_sigs, p_shapes, p_speakers,
    p_target, p_shape, p_speaker, p_ts, p_mid, p_payload);
  if p_refused is not null then
    perform tmidb.quarantine(p_refused);
  end if;
  return v_result;
end $$;

comment on function tmidb.ingest_batch(smallint[], timestamptz[], bigint[], bigint[], jsonb, text[], smallint[], text[], bigint[], text[],
  bigint[], int[], int[], int[], timestamptz[], text[], text[]) is
  'Stores what the streams hold from p_first to p_last of each shard, exactly once.';
revoke all on function tmidb.ingest_batch(smallint[], timestamptz[], bigint[], bigint[], jsonb, text[], smallint[], text[], bigint[], text[],
  bigint[], int[], int[], int[], timestamptz[], text[], text[]) from public;
grant execute on function tmidb.ingest_batch(smallint[], timestamptz[], bigint[], bigint[], jsonb, text[], smallint[], text[], bigint[],
  text[], bigint[], int[], int[], int[], timestamptz[], text[], text[]) to tmidb_drain;
