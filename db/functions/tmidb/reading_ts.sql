-- SPDX-License-Identifier: MIT
-- The time of a reading from JSON, as the other ways in read it (src/edge/time.ts): a text with a zone, or an epoch number whose unit
-- its size tells. Sources that are asked also write local times and times of their own form: p_zone is the zone of a text without
-- one, p_format a pattern of to_timestamp. Null for null.
create or replace function tmidb.reading_ts(p_value jsonb, p_zone text default null, p_format text default null) returns timestamptz
language plpgsql stable set search_path = pg_catalog, pg_temp set timezone = 'UTC' set datestyle = 'ISO, MDY'
as $$
declare
  v_text text := trim(p_value #>> '{}');
  v_number numeric;
begin
  if v_text is null or v_text = '' then return null; end if;
  if jsonb_typeof(p_value) not in ('string', 'number') then
    raise invalid_datetime_format;
  elsif p_format is null and v_text ~* '^([-+]?[a-z]+$|\d{1,2}[-/.]\d)' and jsonb_typeof(p_value) = 'string' then
    -- "now" and "infinity" are times to PostgreSQL, and 01/02/2026 is two different days.
    raise invalid_datetime_format;
  elsif p_format is not null then
    return to_timestamp(v_text, p_format)::timestamp at time zone coalesce(p_zone, 'UTC');
  elsif v_text ~ '^-?\d{1,16}(\.\d{1,20})?$' or jsonb_typeof(p_value) = 'number' then
    v_number := v_text::numeric;
    v_number := v_number / case when abs(v_number) < 1e11 then 1 when abs(v_number) < 1e14 then 1000 else 1000000 end;
    if abs(v_number) > 253402300800 then raise invalid_datetime_format; end if;
    return 'epoch'::timestamptz + round(v_number * 1000000) * interval '1 microsecond';
  elsif v_text ~ '^\d{4,}-\d\d-\d\d[T t]?[0-9:.,]*$' then
    -- No zone: the session's would be anybody's.
    return v_text::timestamp at time zone coalesce(p_zone, 'UTC');
  end if;
  return v_text::timestamptz;
exception
  when data_exception then
    raise exception 'The time of the reading cannot be read: %.', left(p_value::text, 80) using errcode = 'TM211',
      hint = 'Use RFC 3339 with a zone, or epoch seconds, milliseconds or microseconds.';
end $$;

comment on function tmidb.reading_ts(jsonb, text, text) is 'Time of a reading from a JSON text or number; TM211 where it is none.';
revoke all on function tmidb.reading_ts(jsonb, text, text) from public;
