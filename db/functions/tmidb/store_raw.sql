-- SPDX-License-Identifier: MIT
-- after: store_json
-- Moves readings from the quarantine to where they belong; the ledger follows (they were received once).
create or replace function tmidb.store_raw(p_raw_ids bigint[]) returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_rows jsonb;
begin
  with gone as (
    delete from tmidb.raw_bucket where raw_id = any(p_raw_ids) and payload is not null and category is not null
      and target is not null returning *
  ), uncounted as (
    update tmidb.ledger l set received = l.received - g.n, quarantined = l.quarantined - g.n
    from (select speaker_id, tmidb.shard_of(target) as shard, count(*) as n from gone group by 1, 2) g
    where l.speaker_id = g.speaker_id and l.shard = g.shard
  )
  select jsonb_agg(jsonb_build_object('category', category, 'target', target, 'ts', reading_ts, 'mid', mid, 'data', payload,
    'speaker', speaker_id) order by raw_id) into v_rows from gone;
  if v_rows is null then return 0; end if;
  perform tmidb.store_json(v_rows);
  return jsonb_array_length(v_rows);
end $$;

comment on function tmidb.store_raw(bigint[]) is 'Stores quarantined readings; returns how many.';
revoke all on function tmidb.store_raw(bigint[]) from public;
