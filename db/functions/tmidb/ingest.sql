-- SPDX-License-Identifier: MIT
-- after: store_json, check_reading, speaker_id, target_key
-- Writing a reading by SQL, with the rights and the gate of every other door.
--   select tmidb.ingest('sensor', 'truck-17', '{"temperature": 21.5}');
--   select tmidb.ingest('sensor', '[{"target": "truck-17", "ts": "2026-01-01T00:00:00Z", "data": {"temperature": 21.5}}]');
create or replace function tmidb.ingest(p_category text, p_readings jsonb) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_id bigint := tmidb.speaker_id();
  v_speaker tmidb.speaker;
  v_rows jsonb;
begin
  select * into v_speaker from tmidb.speaker where speaker_id = v_id;
  select jsonb_agg(jsonb_build_object('category', p_category,
    'target', coalesce(x->>'target', tmidb.target_key(v_speaker.target_id)), 'ts', coalesce(x->>'ts', now()::text), 'mid', x->>'mid',
    'data', coalesce(x->'data', x - array['target', 'ts', 'mid']), 'speaker', v_speaker.speaker_id) order by o)
  into v_rows
  from jsonb_array_elements(case jsonb_typeof(p_readings) when 'array' then p_readings else jsonb_build_array(p_readings) end)
    with ordinality a(x, o);
  if exists (select from jsonb_array_elements(case jsonb_typeof(p_readings) when 'array' then p_readings else jsonb_build_array(p_readings) end) x
             where x ? 'data' and x - array['target', 'ts', 'mid', 'data'] <> '{}') then
    raise exception 'There are keys beside "data".' using errcode = 'TM215', hint = 'Put every field inside "data", or leave "data" out.';
  end if;
  perform tmidb.check_reading(p_category, r->>'target', r->'data') from jsonb_array_elements(v_rows) r;
  if v_speaker.target_id is not null
     and exists (select from jsonb_array_elements(v_rows) r where r->>'target' <> tmidb.target_key(v_speaker.target_id)) then
    raise exception 'This speaker writes only its own target.' using errcode = 'TM102', hint = 'Leave the target out.';
  end if;
  if not v_speaker.may_create and exists (
      select from jsonb_array_elements(v_rows) r
      where not exists (select from tmidb.target t where t.key = r->>'target')
         or not exists (select from tmidb.category c where c.name = p_category)) then
    raise exception 'This speaker may not make new targets or categories.' using errcode = 'TM103',
      hint = 'Create them first, or allow it for the speaker.';
  end if;
  return coalesce(tmidb.store_json(v_rows), '{"stored": 0, "duplicate": 0, "quarantined": 0}');
end $$;

create or replace function tmidb.ingest(p_category text, p_target text, p_data jsonb, p_ts timestamptz default now(), p_mid text default null)
returns jsonb
language sql volatile set search_path = pg_catalog, pg_temp
as $$
  select tmidb.ingest(p_category, jsonb_build_array(jsonb_build_object('target', p_target, 'ts', p_ts, 'mid', p_mid, 'data', p_data)))
$$;

comment on function tmidb.ingest(text, jsonb) is 'Writes readings [{"target", "ts", "mid", "data"}]; returns {"stored", "duplicate", "quarantined"}.';
comment on function tmidb.ingest(text, text, jsonb, timestamptz, text) is 'Writes one reading; returns {"stored", "duplicate", "quarantined"}.';
revoke all on function tmidb.ingest(text, jsonb) from public;
revoke all on function tmidb.ingest(text, text, jsonb, timestamptz, text) from public;
grant execute on function tmidb.ingest(text, jsonb) to tmidb_speaker, tmidb_editor, tmidb_admin;
grant execute on function tmidb.ingest(text, text, jsonb, timestamptz, text) to tmidb_speaker, tmidb_editor, tmidb_admin;
