-- SPDX-License-Identifier: MIT
-- A value of a source as a type: "number", "boolean", "text", "json", or "auto" (a text that is written as a JSON number, true or
-- false becomes that; 007 stays a text). Numbers stay exact. "number" reads what people write: "1,234.5 kW" is 1234.5, with
-- p_decimal "," "1.234,5" is. What stands for "no value" (empty, -, n/a, null, nan) is null, that is: the field is absent.
create or replace function tmidb.value_as(p_value jsonb, p_type text, p_decimal text default '.') returns jsonb
language plpgsql immutable set search_path = pg_catalog, pg_temp
as $$
declare
  v_kind text := jsonb_typeof(p_value);
  v_text text := trim(p_value #>> '{}', E' \t\n\r\u00a0');
begin
  if p_value is null or v_kind = 'null' or p_type is null or p_type = 'json' then return p_value; end if;
  if p_type = 'text' then return to_jsonb(p_value #>> '{}'); end if;
  if v_kind = 'string' and lower(v_text) in ('', '-', '--', 'n/a', 'na', 'null', 'nan', 'none') then return null; end if;
  if p_type = 'auto' then
    return case when v_kind <> 'string' then p_value
      when v_text ~ '^-?(0|[1-9]\d{0,37})(\.\d{1,60})?([eE][-+]?\d{1,3})?$' then to_jsonb(v_text::numeric)
      when lower(v_text) in ('true', 'false') then to_jsonb(v_text::boolean)
      else p_value end;
  elsif p_type = 'number' then
    if v_kind = 'number' then return p_value; end if;
    if v_kind = 'boolean' then return to_jsonb((v_text = 'true')::int); end if;
    v_text := replace(v_text, U&'\2212', '-');
    v_text := case when p_decimal = ',' then replace(regexp_replace(v_text, '(\d)[.\s\u00a0\u202f''](?=\d{3}(?!\d))', '\1', 'g'), ',', '.')
      else regexp_replace(v_text, '(\d)[,\s\u00a0\u202f''](?=\d{3}(?!\d))', '\1', 'g') end;
    v_text := substring(v_text from '[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d{1,3})?');
    if v_text is null then
      raise exception '% is not a number.', left(p_value::text, 80) using errcode = 'TM218';
    end if;
    return to_jsonb(v_text::numeric);
  elsif p_type = 'boolean' then
    if lower(v_text) in ('true', 't', 'yes', 'y', 'on', '1') then return 'true'; end if;
    if lower(v_text) in ('false', 'f', 'no', 'n', 'off', '0') then return 'false'; end if;
    raise exception '% is neither true nor false.', left(p_value::text, 80) using errcode = 'TM218';
  end if;
  return p_value;
end $$;

comment on function tmidb.value_as(jsonb, text, text) is 'A JSON value as number, boolean, text, json or auto; null where it stands for no value.';
revoke all on function tmidb.value_as(jsonb, text, text) from public;
