-- SPDX-License-Identifier: MIT
-- after: ingest_for, speaker_id
-- Writing a reading by SQL, with the rights and the gate of every other door.
--   select tmidb.ingest('sensor', 'truck-17', '{"temperature": 21.5}');
-- One reading may bring an envelope, as by HTTP: its target, ts, mid and data go before the arguments; fields of these names stand inside "data".
--   select tmidb.ingest('sensor', '[{"target": "truck-17", "ts": "2026-01-01T00:00:00Z", "data": {"temperature": 21.5}}]');
create or replace function tmidb.ingest(p_category text, p_readings jsonb) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
  return tmidb.ingest_for(tmidb.speaker_id(), p_category, p_readings);
end $$;

create or replace function tmidb.ingest(p_category text, p_target text, p_data jsonb, p_ts timestamptz default now(), p_mid text default null)
returns jsonb
language sql volatile set search_path = pg_catalog, pg_temp
as $$
  select tmidb.ingest(p_category, jsonb_build_array(case when jsonb_typeof(p_data) = 'object'
    then jsonb_build_object('target', p_target, 'ts', p_ts, 'mid', p_mid) || p_data
    else jsonb_build_object('target', p_target, 'data', p_data) end))
$$;

comment on function tmidb.ingest(text, jsonb) is 'Writes readings [{"target", "ts", "mid", "data"}]; returns {"stored", "duplicate", "quarantined"}.';
comment on function tmidb.ingest(text, text, jsonb, timestamptz, text) is 'Writes one reading; returns {"stored", "duplicate", "quarantined"}.';
revoke all on function tmidb.ingest(text, jsonb) from public;
revoke all on function tmidb.ingest(text, text, jsonb, timestamptz, text) from public;
grant execute on function tmidb.ingest(text, jsonb) to tmidb_speaker, tmidb_member, tmidb_editor, tmidb_admin;
grant execute on function tmidb.ingest(text, text, jsonb, timestamptz, text) to tmidb_speaker, tmidb_member, tmidb_editor, tmidb_admin;
