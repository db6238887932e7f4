-- SPDX-License-Identifier: MIT
-- after: rollup_lag
-- How ingest stands, for "tmictl status": a few small tables are read and nothing is counted but the quarantine.
create or replace function tmidb.ingest_status() returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  with total as (
    select coalesce(sum(received), 0) as received, coalesce(sum(stored), 0) as stored, coalesce(sum(duplicate), 0) as duplicate,
           coalesce(sum(quarantined), 0) as quarantined, coalesce(sum(discarded), 0) as discarded
    from tmidb.ledger
  ), before as (
    select m.*, extract(epoch from clock_timestamp() - m.at) as seconds from tmidb.ledger_minute m
    where m.at <= clock_timestamp() - interval '30 s' order by m.at desc limit 1
  )
  select jsonb_build_object(
    'totals', to_jsonb(t) || jsonb_build_object(
      'parked', (select count(*) from tmidb.raw_bucket where reason = 'TM217'),
      'removed', (select coalesce(sum(readings), 0) from tmidb.removal)),
    'perSecond', (select jsonb_build_object('seconds', round(b.seconds), 'received', round((t.received - b.received) / b.seconds, 2),
      'stored', round((t.stored - b.stored) / b.seconds, 2)) from before b where b.seconds < 300),
    'reasons', (select coalesce(jsonb_object_agg(reason, n), '{}') from (select reason, count(*) as n from tmidb.raw_bucket group by 1) r),
    'streams', (select coalesce(jsonb_agg(jsonb_build_object('stream', stream, 'lastSeq', last_seq,
      'streamCreated', nullif(stream_created, '-infinity')) order by stream), '[]') from tmidb.stream_cursor),
    'shards', (select jsonb_agg(jsonb_build_object('shard', c.shard, 'position', c.position, 'notRolledUp', l.behind) order by c.shard)
      from tmidb.ingest_cursor c left join tmidb.rollup_lag() l using (shard)),
    'ledger', (select coalesce(jsonb_agg(jsonb_build_object('speaker', s.name, 'speakerId', l.speaker_id, 'shard', l.shard, 'received', l.received,
      'stored', l.stored, 'duplicate', l.duplicate, 'quarantined', l.quarantined, 'discarded', l.discarded) order by l.speaker_id, l.shard), '[]')
      from tmidb.ledger l left join tmidb.speaker s using (speaker_id)))
  from total t
$$;

comment on function tmidb.ingest_status() is 'Totals, rates, cursors, and the ledger per speaker and shard.';
revoke all on function tmidb.ingest_status() from public;
grant execute on function tmidb.ingest_status() to tmidb_admin;
