-- SPDX-License-Identifier: MIT
-- after: make_chunk
-- Keeps room for yesterday to three days ahead; run at start and every hour. Ingest itself never makes tables.
create or replace function tmidb.ensure_chunks() returns integer
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
  select count(*) filter (where tmidb.make_chunk(d))::int
  from generate_series(now() - interval '1 day', now() + interval '3 days', interval '1 day') d
$$;

comment on function tmidb.ensure_chunks() is 'Makes the chunks of the coming days; returns how many were new.';
revoke all on function tmidb.ensure_chunks() from public;
grant execute on function tmidb.ensure_chunks() to tmidb_drain, tmidb_admin;
select tmidb.ensure_chunks();
