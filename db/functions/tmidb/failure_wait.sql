-- SPDX-License-Identifier: MIT
-- How long a connector that failed waits at least, after so many failures in a row before: from 5 s, doubled each time, up to an hour.
create or replace function tmidb.failure_wait(p_failures integer) returns interval
language sql immutable set search_path = pg_catalog, pg_temp
as $$ select least(interval '5 s' * power(2, least(p_failures, 20)), interval '1 hour') $$;

comment on function tmidb.failure_wait(integer) is 'How long a connector waits after so many failures in a row.';
revoke all on function tmidb.failure_wait(integer) from public;
