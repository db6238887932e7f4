-- SPDX-License-Identifier: MIT
-- What a way in had to acknowledge although it cannot be stored (an MQTT device that is refused would send the same for ever), and
-- what PostgreSQL itself refused. A refusal that is refused in turn would hold its shard up for ever, so a time beyond the calendar
-- is left out instead of raised. "payload" says that raw holds only the fields of one reading, not a message; TM218 implies it.
create or replace function tmidb.quarantine(p_refused jsonb) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
  with r as (
    select * from jsonb_to_recordset(p_refused) x(code text, message text, speaker bigint, shard smallint, category text, target text,
      raw text, ts numeric, mid text, payload boolean)
  ), kept as (
    insert into tmidb.raw_bucket (reason, message, speaker_id, shard, category, target, reading_ts, mid, raw, is_message)
    select code, message, speaker, shard, category, target,
           case when ts between -62135596800000000 and 253402300799999999
             then timestamptz 'epoch' + trunc(ts / 1000000) * interval '1 s' + mod(trunc(ts), 1000000) * interval '1 us' end,
           mid, decode(raw, 'base64'), not coalesce(payload, code = 'TM218')
    from r
  )
  insert into tmidb.ledger as l (speaker_id, shard, received, quarantined)
  select speaker, shard, count(*), count(*) from r group by 1, 2 order by 1, 2
  on conflict (speaker_id, shard) do update
    set received = l.received + excluded.received, quarantined = l.quarantined + excluded.quarantined
$$;

comment on function tmidb.quarantine(jsonb) is
  'Keeps refused messages: [{"code", "message", "speaker", "shard", "category", "target", "ts" (epoch micros), "mid", "raw" (base64), "payload"}].';
revoke all on function tmidb.quarantine(jsonb) from public;
