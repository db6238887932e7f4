-- SPDX-License-Identifier: MIT
-- after: shard_of
-- What a source gave that cannot be stored: kept with the reason, counted in the ledger.
create or replace function tmidb.keep_refused(p_speaker_id bigint, p_category text, p_refused jsonb) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
  with r as (
    select x->>'code' as code, x->>'message' as message, left(x->>'target', 256) as target, x->>'mid' as mid, x->'data' as data,
           x->'item' as item
    from jsonb_array_elements(p_refused) x
  ), kept as (
    insert into tmidb.raw_bucket (reason, message, speaker_id, shard, category, target, mid, payload, raw)
    select code, message, p_speaker_id, tmidb.shard_of(coalesce(target, '')), p_category, target, mid, data, case when data is null then convert_to(coalesce(item, 'null')::text, 'UTF8') end
    from r
  )
  insert into tmidb.ledger as l (speaker_id, shard, received, quarantined)
  select p_speaker_id, tmidb.shard_of(coalesce(target, '')), count(*), count(*) from r group by 2 order by 2
  on conflict (speaker_id, shard) do update
    set received = l.received + excluded.received, quarantined = l.quarantined + excluded.quarantined
$$;

comment on function tmidb.keep_refused(bigint, text, jsonb) is
  'Keeps refused readings: [{"code", "message", "target", "mid", "data"}]; "item" in place of "data" for what is no reading.';
revoke all on function tmidb.keep_refused(bigint, text, jsonb) from public;
