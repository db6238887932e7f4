-- SPDX-License-Identifier: MIT
-- From columns back to fields: the payload that a row of api.<category>_v<major> stands for. Of a renamed field the new
-- column counts more.
create or replace function tmidb.row_payload(p_category text, p_major smallint, p_row jsonb) returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_fields jsonb := (select v.fields from tmidb.schema_version v join tmidb.category c using (category_id)
                     where c.name = p_category and v.major = p_major order by v.minor desc limit 1);
begin
  -- A number column holds text only for NaN and infinity, which JSON has not.
  if exists (select from tmidb.shown_fields(v_fields) f where f->>'type' in ('integer', 'number', 'exact')
             and jsonb_typeof(p_row -> (f->>'column')) = 'string') then
    raise exception 'A number is not finite.' using errcode = 'TM207', hint = 'Leave it out, or send null.';
  end if;
  return (
    select coalesce(jsonb_object_agg(f->>'name', p_row -> (f->>'column') order by f ? 'renamed' desc) filter (where p_row -> (f->>'column') <> 'null'), '{}')
    from tmidb.shown_fields(v_fields) f);
end $$;

comment on function tmidb.row_payload(text, smallint, jsonb) is 'Payload of a view''s row.';
revoke all on function tmidb.row_payload(text, smallint, jsonb) from public;
grant execute on function tmidb.row_payload(text, smallint, jsonb) to tmidb_speaker, tmidb_editor, tmidb_admin;
