-- SPDX-License-Identifier: MIT
-- after: extract_readings
-- The readings of a web document by a connector's definition. CSV and HTML come as lists of objects of texts: columns are typed by how
-- they are written, HTML fields as html.fields says (text).
create or replace function tmidb.document_readings(p_config jsonb, p_document jsonb, p_target text, p_now timestamptz) returns setof jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select tmidb.extract_readings(
    case when p_config->>'format' = 'html' and not coalesce(p_config->'extract' ? 'fields', false)
      then coalesce(p_config->'extract', '{}') || jsonb_build_object('fields', (
        select jsonb_object_agg(key, jsonb_strip_nulls(jsonb_build_object('path', '$.' || to_jsonb(key)::text, 'decimal', value->'decimal',
          'type', coalesce(value->>'type', 'text')))) from jsonb_each(p_config#>'{html,fields}')))
      else coalesce(p_config->'extract', '{}') end,
    p_document, p_target, p_now, case p_config->>'format' when 'csv' then 'auto' end)
$$;

comment on function tmidb.document_readings(jsonb, jsonb, text, timestamptz) is 'The readings of a web document.';
revoke all on function tmidb.document_readings(jsonb, jsonb, text, timestamptz) from public;
