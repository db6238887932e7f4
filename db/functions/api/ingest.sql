-- SPDX-License-Identifier: MIT
-- Writing one reading by GraphQL or RPC, with the rights and the gate of every other door. The data is never taken for an envelope.
create or replace function api.ingest(category text, target text, data jsonb, ts timestamptz default now(), mid text default null)
returns jsonb
language sql volatile set search_path = pg_catalog, pg_temp
as $$
  select tmidb.ingest(ingest.category, jsonb_build_array(jsonb_build_object(
    'target', ingest.target, 'ts', ingest.ts, 'mid', ingest.mid, 'data', ingest.data)))
$$;

comment on function api.ingest(text, text, jsonb, timestamptz, text) is
  E'@resultFieldName outcome\n@param category What kind of reading it is; made by its first one.\n@param target Key of the target; made by its first reading.\n@param data The payload, a JSON object.\n@param ts Time of the reading; now unless told.\n@param mid The sender''s own id of the message: the same sent again is stored once.\nWrites one reading; gives {"stored", "duplicate", "quarantined"}. TM102: not for who only reads; TM103: no right to new targets; TM2xx: what is wrong with the reading.';
revoke all on function api.ingest(text, text, jsonb, timestamptz, text) from public;
grant execute on function api.ingest(text, text, jsonb, timestamptz, text) to tmidb_speaker, tmidb_member, tmidb_editor, tmidb_admin;
