-- SPDX-License-Identifier: MIT
-- What administrators see of connectors; never a secret.
create or replace function tmidb.connectors(p_name text default null)
returns table (name text, kind text, category text, speaker text, schedule text, is_enabled boolean, source text, last_run_at timestamptz,
  status text, next_run_at timestamptz, failures int, failing_since timestamptz, code text, message text, config jsonb, state jsonb)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select c.name, c.kind, c.category, s.name, c.schedule, c.is_enabled,
    regexp_replace(regexp_replace(c.config->>'url', '//.*@', '//'), '[?#].*$', ''), r.started_at, r.status,
    nullif(c.next_run_at, 'infinity'), c.failures, c.failing_since, r.code, r.message, c.config, c.state - 'ties'
  from tmidb.ingest_connector c
  join tmidb.speaker s using (speaker_id)
  left join lateral (select * from tmidb.connector_run r where r.connector_id = c.connector_id and not r.is_try order by r.run_id desc limit 1) r on true
  where p_name is null or c.name = p_name
  order by c.name
$$;

comment on function tmidb.connectors(text) is 'All connectors, or the one of this name, with how their last run went.';
revoke all on function tmidb.connectors(text) from public;
grant execute on function tmidb.connectors(text) to tmidb_admin;
