-- SPDX-License-Identifier: MIT
-- after: check_connector, split_secret, connector_speaker, next_run, queue_connector
-- A new connector; its first run is now, unless it is to be tried first (p_is_enabled false).
--   select tmidb.create_connector('weather', 'url', 'weather', null, 'every 60 s',
--     '{"url": "https://example.org/now.json", "extract": {"target": "seoul", "fields": {"temp": "$.main.temp"}}}');
create or replace function tmidb.create_connector(p_name text, p_kind text, p_category text, p_speaker text, p_schedule text, p_config jsonb,
  p_is_enabled boolean default true)
returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_split jsonb;
  v_id bigint;
begin
  perform tmidb.check_connector(p_kind, p_config);
  perform tmidb.next_run(p_schedule, now(), now());
  v_split := tmidb.split_secret(p_kind, p_config);
  if p_category is null or p_category !~ '^[a-z][a-z0-9_]{0,47}$' then
    raise exception 'The category name % cannot be used.', coalesce(quote_literal(left(p_category, 80)), 'null') using errcode = 'TM104',
      hint = 'Use 1 to 48 of a-z, 0-9 and _, starting with a letter.';
  elsif p_name is null or p_name !~ '^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$' then
    raise exception 'The name % cannot be used.', coalesce(quote_literal(left(p_name, 80)), 'null') using errcode = 'TM303',
      hint = 'Use up to 63 letters, digits, dots, dashes and underscores.';
  end if;
  insert into tmidb.ingest_connector (name, kind, speaker_id, category, schedule, config, secret, is_enabled)
  values (p_name, p_kind, tmidb.connector_speaker(p_speaker), p_category, trim(p_schedule), v_split->'config', v_split->'secret', p_is_enabled)
  returning connector_id into v_id;
  perform tmidb.queue_connector(v_id);
  return v_id;
exception
  when unique_violation then
    raise exception 'There is a connector named % already.', quote_literal(p_name) using errcode = 'TM106', hint = 'Choose another name.';
end $$;

comment on function tmidb.create_connector(text, text, text, text, text, jsonb, boolean) is
  'Makes a connector: name, kind (url or postgres), category, speaker (null: connectors), schedule, definition, enabled.';
revoke all on function tmidb.create_connector(text, text, text, text, text, jsonb, boolean) from public;
grant execute on function tmidb.create_connector(text, text, text, text, text, jsonb, boolean) to tmidb_admin;
