-- SPDX-License-Identifier: MIT
-- What a way in had to acknowledge although it cannot be stored (an MQTT device that is refused would send the same for ever).
create or replace function tmidb.quarantine(p_refused jsonb) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
  with r as (
    select * from jsonb_to_recordset(p_refused) x(code text, message text, speaker bigint, shard smallint, category text, target text, raw text)
  ), kept as (
    insert into tmidb.raw_bucket (reason, message, speaker_id, category, target, raw)
    select code, message, speaker, category, target, decode(raw, 'base64') from r
  )
  insert into tmidb.ledger as l (speaker_id, shard, received, quarantined)
  select speaker, shard, count(*), count(*) from r group by 1, 2 order by 1, 2
  on conflict (speaker_id, shard) do update
    set received = l.received + excluded.received, quarantined = l.quarantined + excluded.quarantined
$$;

comment on function tmidb.quarantine(jsonb) is
  'Keeps refused messages: [{"code", "message", "speaker", "shard", "category", "target", "raw" (base64)}].';
revoke all on function tmidb.quarantine(jsonb) from public;
