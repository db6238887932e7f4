-- SPDX-License-Identifier: MIT
-- What a way in had to acknowledge although it cannot be stored (an MQTT device that is refused would send the same for ever), and
-- what PostgreSQL itself refused. A refusal that is refused in turn would hold its shard up for ever, so a time beyond the calendar
-- is left out instead of raised. "payload" says that raw holds only the fields of one reading, not a message; TM218 implies it. What
-- was kept before (by its origin) is counted as a duplicate. Returns how many are new.
create or replace function tmidb.quarantine(p_refused jsonb) returns integer
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
  with r as (
    select * from jsonb_to_recordset(p_refused) x(code text, message text, speaker bigint, shard smallint, category text, target text,
      raw text, ts numeric, mid text, payload boolean, origin text)
  ), kept as (
    insert into tmidb.raw_bucket (reason, message, speaker_id, shard, category, target, reading_ts, mid, raw, is_message, origin)
    select code, message, speaker, shard, category, target,
           case when ts between -62135596800000000 and 253402300799999999
             then timestamptz 'epoch' + trunc(ts / 1000000) * interval '1 s' + mod(trunc(ts), 1000000) * interval '1 us' end,
           mid, decode(raw, 'base64'), not coalesce(payload, code = 'TM218'), origin
    from r
    on conflict (origin) do nothing returning speaker_id, shard
  ), counted as (
    insert into tmidb.ledger as l (speaker_id, shard, received, quarantined, duplicate)
    select speaker, shard, came.n, coalesce(new.n, 0), came.n - coalesce(new.n, 0)
    from (select speaker, shard, count(*) as n from r group by 1, 2) came
    left join (select speaker_id as speaker, shard, count(*) as n from kept group by 1, 2) new using (speaker, shard)
    order by 1, 2
    on conflict (speaker_id, shard) do update set received = l.received + excluded.received,
      quarantined = l.quarantined + excluded.quarantined, duplicate = l.duplicate + excluded.duplicate
  )
  select count(*)::int from kept
$$;

comment on function tmidb.quarantine(jsonb) is
  'Keeps refused messages: [{"code", "message", "speaker", "shard", "category", "target", "ts" (epoch micros), "mid", "raw" (base64), "payload", "origin"}].';
revoke all on function tmidb.quarantine(jsonb) from public;
