-- SPDX-License-Identifier: MIT
-- The ledger beside what there is: no row means that nothing was lost and nothing doubled. It is one statement, so it holds at any
-- moment, under load too. It counts all of ts_obs, which does not know who sent a row; hence stored is compared as a whole.
create or replace function tmidb.ledger_check()
returns table (what text, speaker_id bigint, shard smallint, expected bigint, found bigint)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select 'received = stored + duplicate + quarantined', l.speaker_id, l.shard, l.received, l.stored + l.duplicate + l.quarantined
  from tmidb.ledger l where l.received <> l.stored + l.duplicate + l.quarantined
  union all
  select 'quarantined - discarded = rows of raw_bucket', speaker_id, shard, coalesce(l.quarantined - l.discarded, 0), coalesce(h.n, 0)
  from tmidb.ledger l
  full join (select b.speaker_id, coalesce(b.shard, tmidb.shard_of(b.target)) as shard, count(*) as n from tmidb.raw_bucket b group by 1, 2) h
    using (speaker_id, shard)
  where coalesce(l.quarantined - l.discarded, 0) <> coalesce(h.n, 0)
  union all
  select 'stored - removed = rows of ts_obs', null, null, t.expected, t.found
  from (select (select coalesce(sum(stored), 0) from tmidb.ledger)::bigint - (select coalesce(sum(readings), 0) from tmidb.removal)::bigint as expected,
               (select count(*) from tmidb.ts_obs) as found) t
  where t.expected <> t.found
$$;

comment on function tmidb.ledger_check() is 'Where the ledger and the tables disagree; must be empty.';
revoke all on function tmidb.ledger_check() from public;
grant execute on function tmidb.ledger_check() to tmidb_admin;
