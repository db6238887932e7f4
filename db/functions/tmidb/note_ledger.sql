-- SPDX-License-Identifier: MIT
-- The ledger's totals about once a minute, for a day: a rate is a difference of two of them.
create or replace function tmidb.note_ledger() returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
  delete from tmidb.ledger_minute where at < now() - interval '1 day';
  insert into tmidb.ledger_minute (received, stored, duplicate, quarantined)
  select coalesce(sum(received), 0), coalesce(sum(stored), 0), coalesce(sum(duplicate), 0), coalesce(sum(quarantined), 0)
  from tmidb.ledger
  having not exists (select from tmidb.ledger_minute where at > now() - interval '50 s')
  on conflict (at) do nothing
$$;

comment on function tmidb.note_ledger() is 'Notes the ledger''s totals, at most once a minute.';
revoke all on function tmidb.note_ledger() from public;
