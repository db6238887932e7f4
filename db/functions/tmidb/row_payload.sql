-- SPDX-License-Identifier: MIT
-- after: shown_fields
-- From columns back to fields: the payload that a row of api.<category>_v<major> stands for. Of a renamed field the new
-- column counts more.
create or replace function tmidb.row_payload(p_category text, p_major smallint, p_row jsonb) returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_fields jsonb := (select v.fields from tmidb.schema_version v join tmidb.category c using (category_id)
                     where c.name = p_category and v.major = p_major order by v.minor desc limit 1);
  v_data jsonb := '{}';
  v_path text[];
  v_value jsonb;
begin
  -- A number column holds text only for NaN and infinity, which JSON has not.
  if exists (select from tmidb.shown_fields(v_fields) f where f->>'type' in ('integer', 'number', 'exact')
             and jsonb_typeof(p_row -> (f->>'column')) = 'string') then
    raise exception 'A number is not finite.' using errcode = 'TM207', hint = 'Leave it out, or send null.';
  end if;
  for v_path, v_value in
    select case when f ? 'path' then array(select jsonb_array_elements_text(f->'path')) else array[f->>'name'] end, p_row -> (f->>'column')
    from tmidb.shown_fields(v_fields) f where p_row -> (f->>'column') <> 'null' order by f ? 'renamed' desc
  loop
    for i in 1..cardinality(v_path) - 1 loop
      if v_data #> v_path[1:i] is null then v_data := jsonb_set(v_data, v_path[1:i], '{}'); end if;
    end loop;
    v_data := jsonb_set(v_data, v_path, v_value);
  end loop;
  return v_data;
end $$;

comment on function tmidb.row_payload(text, smallint, jsonb) is 'Payload of a view''s row.';
revoke all on function tmidb.row_payload(text, smallint, jsonb) from public;
grant execute on function tmidb.row_payload(text, smallint, jsonb) to tmidb_speaker, tmidb_member, tmidb_editor, tmidb_admin;
