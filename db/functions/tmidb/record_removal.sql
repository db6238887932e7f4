-- SPDX-License-Identifier: MIT
-- Whoever takes stored readings out of ts_obs (retention, a chunk that is dropped) says how many, in the same transaction; without it
-- the ledger no longer balances.
create or replace function tmidb.record_removal(p_reason text, p_readings bigint) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
  insert into tmidb.removal as r (reason, readings) values (p_reason, p_readings)
  on conflict (reason) do update set readings = r.readings + excluded.readings, last_at = now()
$$;

comment on function tmidb.record_removal(text, bigint) is 'Counts stored readings that were removed.';
revoke all on function tmidb.record_removal(text, bigint) from public;
