-- SPDX-License-Identifier: MIT
-- How long the statement of a request may take.
create or replace function tmidb.request_timeout(p_role text) returns int
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$ select coalesce((select 1000 * extract(epoch from statement_timeout) from tmidb.request_limit where role = p_role), 3000)::int $$;

comment on function tmidb.request_timeout(text) is 'Milliseconds that a statement of this role has.';
revoke all on function tmidb.request_timeout(text) from public;
