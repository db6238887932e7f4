-- SPDX-License-Identifier: MIT
-- From columns back to fields: the payload that a row of api.<category>_v<major> stands for.
create or replace function tmidb.row_payload(p_category text, p_major smallint, p_row jsonb) returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select coalesce(jsonb_object_agg(f->>'name', p_row -> (f->>'column')) filter (where p_row -> (f->>'column') <> 'null'), '{}')
  from (select v.fields from tmidb.schema_version v join tmidb.category c using (category_id)
        where c.name = p_category and v.major = p_major order by v.minor desc limit 1) s,
       jsonb_array_elements(s.fields) f
$$;

comment on function tmidb.row_payload(text, smallint, jsonb) is 'Payload of a view''s row.';
revoke all on function tmidb.row_payload(text, smallint, jsonb) from public;
grant execute on function tmidb.row_payload(text, smallint, jsonb) to tmidb_speaker, tmidb_editor, tmidb_admin;
