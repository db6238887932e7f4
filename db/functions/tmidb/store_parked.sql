-- SPDX-License-Identifier: MIT
-- after: store_raw, note_ledger
-- Makes the chunks that parked readings wait for and stores them; run by a job as soon as something was parked, and each minute. One
-- that cannot be stored all the same gets another reason and is tried no more by itself.
create or replace function tmidb.store_parked(p_most integer default 5000) returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
  perform tmidb.note_ledger();
  return (tmidb.store_raw(array(select raw_id from tmidb.raw_bucket where reason = 'TM217' order by raw_id limit p_most)) ->> 'tried')::int;
end $$;

comment on function tmidb.store_parked(integer) is 'Stores readings that waited for their chunk; returns how many were tried.';
revoke all on function tmidb.store_parked(integer) from public;
grant execute on function tmidb.store_parked(integer) to tmidb_drain, tmidb_admin;
