-- SPDX-License-Identifier: MIT
-- How the API stands, for "tmictl status": of each part what is served, and what is not as it should be.
create or replace function tmidb.api_status() returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select coalesce(jsonb_agg(jsonb_build_object('process', process, 'part', part, 'builtAt', built_at, 'buildMs', build_ms, 'builds', builds,
    'failingSince', failing_since, 'reason', reason, 'leftOut', left_out) order by process, part), '[]')
  from tmidb.api_state
$$;

comment on function tmidb.api_status() is 'What the api processes serve: a list of {process, part, builtAt, buildMs, builds, failingSince, reason, leftOut}.';
revoke all on function tmidb.api_status() from public;
grant execute on function tmidb.api_status() to tmidb_admin;
