-- SPDX-License-Identifier: MIT
-- after: dead_letter_rows, record_audit
-- Throws away for good what the filters name and was there at p_until, a batch a call, until it returns 0; counted in the ledger and
-- written down with what it was.
create or replace function tmidb.discard_dead_letters(p_reason text default null, p_category text default null, p_speaker text default null,
  p_since timestamptz default null, p_limit integer default 500, p_until timestamptz default null, p_raw_id bigint default null)
returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_gone jsonb;
begin
  -- Cursors first, as everybody does who also writes the ledger.
  perform from tmidb.ingest_cursor order by shard for update;
  with gone as (
    delete from tmidb.raw_bucket where raw_id in (
      select raw_id from tmidb.dead_letter_rows(p_reason, p_category, p_speaker, p_since)
      where (p_raw_id is null or raw_id = p_raw_id) and (p_until is null or ts <= p_until)
      order by raw_id limit least(greatest(p_limit, 1), 1000) for update skip locked)
    returning raw_id, reason, speaker_id, category, target, coalesce(shard, tmidb.shard_of(target)) as shard,
      coalesce(octet_length(raw), octet_length(payload::text)) as bytes
  ), counted as (
    update tmidb.ledger l set discarded = l.discarded + g.n
    from (select speaker_id, shard, count(*) as n from gone group by 1, 2) g
    where l.speaker_id = g.speaker_id and l.shard = g.shard
  )
  select jsonb_agg(jsonb_build_array(raw_id, reason, speaker_id, category, target, bytes) order by raw_id) into v_gone from gone;
  if v_gone is null then return 0; end if;
  perform tmidb.record_audit('dead_letter.discarded', null,
    jsonb_build_object('count', jsonb_array_length(v_gone), 'columns', '["raw_id", "reason", "speaker_id", "category", "target", "bytes"]'::jsonb,
      'letters', v_gone));
  return jsonb_array_length(v_gone);
end $$;

comment on function tmidb.discard_dead_letters(text, text, text, timestamptz, integer, timestamptz, bigint) is
  'Throws away a batch of dead letters; returns how many. The ledger counts them, the audit names them.';
revoke all on function tmidb.discard_dead_letters(text, text, text, timestamptz, integer, timestamptz, bigint) from public;
grant execute on function tmidb.discard_dead_letters(text, text, text, timestamptz, integer, timestamptz, bigint) to tmidb_admin;
