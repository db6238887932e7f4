-- SPDX-License-Identifier: MIT
-- The time of a reading as every way in reads it (src/edge/time.ts; parity is tested): RFC 3339 with a zone, or an epoch number whose
-- size tells its unit: below 10^11 seconds, below 10^14 milliseconds, else microseconds.
create or replace function tmidb.reading_time(p_ts jsonb) returns timestamptz
language plpgsql immutable set search_path = pg_catalog, pg_temp set timezone = 'UTC' set datestyle = 'ISO, YMD'
as $$
declare
  v_text text := p_ts #>> '{}';
  v_number numeric;
  v_time timestamptz;
begin
  if v_text is null then return null; end if;
  if jsonb_typeof(p_ts) in ('string', 'number') then
    begin
      if v_text ~ '^\d{4}-\d\d-\d\d[Tt ]([01]\d|2[0-3]):\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d(:?\d\d)?)$' then
        v_time := v_text::timestamptz;
      elsif v_text ~ '^-?\d+(\.\d+)?([eE][+-]?\d{1,2})?$' then
        v_number := v_text::numeric;
        v_number := round(v_number * case when abs(v_number) < 1e11 then 1000000 when abs(v_number) < 1e14 then 1000 else 1 end);
        if abs(v_number) < 253402300800000000 then
          v_time := timestamptz 'epoch' + trunc(v_number / 1000000) * interval '1 s' + mod(v_number, 1000000) * interval '1 us';
        end if;
      end if;
    exception when data_exception then
      v_time := null;
    end;
  end if;
  if v_time is null then
    raise exception 'The time % of the reading cannot be read.', left(p_ts::text, 80) using errcode = 'TM211',
      hint = 'Use RFC 3339 with a zone, or epoch seconds, milliseconds or microseconds.';
  end if;
  return v_time;
end $$;

comment on function tmidb.reading_time(jsonb) is 'Time that a reading''s "ts" says; TM211 if it cannot be read.';
revoke all on function tmidb.reading_time(jsonb) from public;
