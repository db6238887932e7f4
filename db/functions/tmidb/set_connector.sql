-- SPDX-License-Identifier: MIT
-- after: check_connector, split_secret, connector_speaker, connector_named, next_run, queue_connector
-- Changes what is given and leaves the rest. Another definition begins anew at the source (no ETag, nothing seen), but a pull goes on
-- from its watermark as long as it is the same column.
create or replace function tmidb.set_connector(p_name text, p_config jsonb default null, p_schedule text default null,
  p_is_enabled boolean default null, p_category text default null, p_speaker text default null)
returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_old tmidb.ingest_connector;
  v_split jsonb;
begin
  select * into v_old from tmidb.ingest_connector where connector_id = tmidb.connector_named(p_name) for update;
  if p_category !~ '^[a-z][a-z0-9_]{0,47}$' then
    raise exception 'The category name % cannot be used.', quote_literal(left(p_category, 80)) using errcode = 'TM104',
      hint = 'Use 1 to 48 of a-z, 0-9 and _, starting with a letter.';
  end if;
  perform tmidb.next_run(coalesce(p_schedule, v_old.schedule), now(), now());
  if p_config is not null then
    perform tmidb.check_connector(v_old.kind, p_config);
    v_split := tmidb.split_secret(v_old.kind, p_config, v_old.config, v_old.secret);
    delete from tmidb.connector_seen where connector_id = v_old.connector_id;
  end if;
  update tmidb.ingest_connector set
    config = coalesce(v_split->'config', config), secret = coalesce(v_split->'secret', secret),
    state = case when v_split is null or (kind = 'postgres' and v_split#>>'{config,watermark}' = config->>'watermark'
      and v_split#>'{config,table}' is not distinct from config->'table') then state else '{}' end,
    schedule = coalesce(trim(p_schedule), schedule), is_enabled = coalesce(p_is_enabled, is_enabled),
    category = coalesce(p_category, category),
    speaker_id = case when p_speaker is null then speaker_id else tmidb.connector_speaker(p_speaker) end,
    next_run_at = now(), failures = 0, failing_since = null,
    -- A run that began by the old definition may not store.
    run_id = null, run_process = null, run_until = null
  where connector_id = v_old.connector_id;
  perform tmidb.queue_connector(v_old.connector_id);
end $$;

comment on function tmidb.set_connector(text, jsonb, text, boolean, text, text) is
  'Changes a connector: definition, schedule, enabled, category, speaker; null leaves as it is.';
revoke all on function tmidb.set_connector(text, jsonb, text, boolean, text, text) from public;
grant execute on function tmidb.set_connector(text, jsonb, text, boolean, text, text) to tmidb_admin;
