-- SPDX-License-Identifier: MIT
-- An api process says what it serves, whenever that changes. Without a reason it was built; with one the last good one stays.
create or replace function tmidb.note_api(p_process text, p_part text, p_built_at timestamptz, p_build_ms int, p_builds int, p_left_out jsonb,
  p_reason text) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
  insert into tmidb.api_state as s (process, part, built_at, build_ms, builds, failing_since, reason, left_out)
  values (p_process, p_part, p_built_at, p_build_ms, p_builds, case when p_reason is not null then now() end, left(p_reason, 1000), p_left_out)
  on conflict (process, part) do update set
    built_at = excluded.built_at, build_ms = excluded.build_ms, builds = excluded.builds, left_out = excluded.left_out,
    failing_since = case when p_reason is not null then coalesce(s.failing_since, now()) end, reason = excluded.reason
$$;

comment on function tmidb.note_api(text, text, timestamptz, int, int, jsonb, text) is
  'Notes when what an api process serves of a part (graphql, rest) was built, and why it cannot be built anew, if it cannot.';
revoke all on function tmidb.note_api(text, text, timestamptz, int, int, jsonb, text) from public;
grant execute on function tmidb.note_api(text, text, timestamptz, int, int, jsonb, text) to tmidb_api;
