-- SPDX-License-Identifier: MIT
-- after: store, store_sifted, quarantine
-- The drain's one call. The fence first: the stream's cursor moves only from exactly where it stands, in the same transaction as the
-- rows, so a batch that was stored before (TM001) or does not follow (TM002) changes nothing, whoever sends it. p_sift: the batch
-- was refused as a whole and is sifted; constraints that would wait for the commit speak up at once.
create or replace function tmidb.ingest_batch(
  p_stream text, p_created timestamptz, p_first bigint, p_last bigint, p_refused jsonb, p_sift boolean,
  p_keys text[], p_key_shards smallint[], p_categories text[], p_sigs bigint[], p_shapes text[], p_speakers bigint[],
  p_target int[], p_shape int[], p_speaker int[], p_ts timestamptz[], p_mid text[], p_payload text[], p_unique int[])
returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_result jsonb;
begin
  update tmidb.stream_cursor set last_seq = p_last
  where stream = p_stream and stream_created = p_created and last_seq = p_first - 1;
  if not found then
    if exists (select from tmidb.stream_cursor where stream = p_stream and stream_created = p_created and last_seq >= p_first) then
      raise exception 'This batch was already stored.' using errcode = 'TM001';
    end if;
    raise exception 'The batch does not follow what is stored.' using errcode = 'TM002', hint = 'Open the stream again at its cursor.';
  end if;
  if p_sift then
    set constraints all immediate;
    v_result := tmidb.store_sifted(p_keys, p_key_shards, p_categories, p_sigs, p_shapes, p_speakers,
      p_target, p_shape, p_speaker, p_ts, p_mid, p_payload, p_unique);
  else
    v_result := tmidb.store(p_keys, p_key_shards, p_categories, p_sigs, p_shapes, p_speakers,
      p_target, p_shape, p_speaker, p_ts, p_mid, p_payload, p_unique);
  end if;
  if p_refused is not null then
    perform tmidb.quarantine(p_refused);
  end if;
  return v_result;
end $$;

comment on function tmidb.ingest_batch(text, timestamptz, bigint, bigint, jsonb, boolean, text[], smallint[], text[], bigint[], text[],
  bigint[], int[], int[], int[], timestamptz[], text[], text[], int[]) is
  'Stores what a stream holds from p_first to p_last, exactly once.';
revoke all on function tmidb.ingest_batch(text, timestamptz, bigint, bigint, jsonb, boolean, text[], smallint[], text[], bigint[], text[],
  bigint[], int[], int[], int[], timestamptz[], text[], text[], int[]) from public;
grant execute on function tmidb.ingest_batch(text, timestamptz, bigint, bigint, jsonb, boolean, text[], smallint[], text[], bigint[], text[],
  bigint[], int[], int[], int[], timestamptz[], text[], text[], int[]) to tmidb_drain;
