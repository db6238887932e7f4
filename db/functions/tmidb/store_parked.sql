-- SPDX-License-Identifier: MIT
-- after: make_chunk, store_raw
-- Makes the chunks that parked readings wait for and stores them; run by a job as soon as something was parked, and each minute.
create or replace function tmidb.store_parked(p_most integer default 5000) returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
  perform tmidb.make_chunk(t) from (
    select distinct date_trunc('day', reading_ts) as t
    from (select reading_ts from tmidb.raw_bucket where reason = 'TM217' order by raw_id limit p_most) x order by 1) d;
  return tmidb.store_raw(array(select raw_id from tmidb.raw_bucket where reason = 'TM217' order by raw_id limit p_most));
end $$;

comment on function tmidb.store_parked(integer) is 'Stores readings that waited for their chunk; returns how many.';
revoke all on function tmidb.store_parked(integer) from public;
grant execute on function tmidb.store_parked(integer) to tmidb_drain, tmidb_admin;
