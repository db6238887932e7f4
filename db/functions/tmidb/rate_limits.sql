-- SPDX-License-Identifier: MIT
-- The limits as they are set, for the doors and for administrators.
create or replace function tmidb.rate_limits() returns table (scope text, endpoint text, subject text, per_minute int)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$ select scope, endpoint, subject, per_minute from tmidb.rate_limit order by scope, endpoint, subject nulls first $$;

comment on function tmidb.rate_limits() is 'All limits of requests a minute; 0: none; subject null: each one that has no limit of its own.';
revoke all on function tmidb.rate_limits() from public;
grant execute on function tmidb.rate_limits() to tmidb_api, tmidb_edge, tmidb_admin;
