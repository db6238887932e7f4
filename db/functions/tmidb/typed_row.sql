-- SPDX-License-Identifier: MIT
-- after: to_number, to_exact, to_boolean, to_text, to_json, shown_fields
-- The typed fields of a payload as api.<category>_v<major> shows them, by GraphQL names; for live events, where the payload has
-- already been cut to the fields that the class may see.
create or replace function tmidb.typed_row(p_category_id smallint, p_major smallint, p_data jsonb) returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select coalesce(jsonb_object_agg(f->>'graphql', case f->>'type'
      when 'integer' then to_jsonb(tmidb.to_number(p_data -> (f->>'name')))
      when 'number' then to_jsonb(tmidb.to_number(p_data -> (f->>'name')))
      when 'exact' then to_jsonb(tmidb.to_exact(p_data -> (f->>'name'))::text)
      when 'boolean' then to_jsonb(tmidb.to_boolean(p_data -> (f->>'name')))
      when 'text' then to_jsonb(tmidb.to_text(p_data -> (f->>'name')))
      else tmidb.to_json(p_data -> (f->>'name')) end), '{}')
  from (select fields from tmidb.schema_version where category_id = p_category_id and major = p_major order by minor desc limit 1) v,
       tmidb.shown_fields(v.fields) f
  where p_data ? (f->>'name')
$$;

comment on function tmidb.typed_row(smallint, smallint, jsonb) is 'A payload as one major version shows it.';
revoke all on function tmidb.typed_row(smallint, smallint, jsonb) from public;
