-- SPDX-License-Identifier: MIT
-- Who has not come since its window ended needs no row.
create or replace function tmidb.forget_counts() returns bigint
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
  with gone as (delete from tmidb.rate_count where ends_at < now() returning 1) select count(*) from gone
$$;

comment on function tmidb.forget_counts() is 'Removes the counts of windows that are over; returns how many.';
revoke all on function tmidb.forget_counts() from public;
grant execute on function tmidb.forget_counts() to tmidb_drain;
