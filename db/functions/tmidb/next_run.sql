-- SPDX-License-Identifier: MIT
-- after: cron_field
-- When a schedule comes next after a moment: "every 60 s" (m, h and d too; at least 5 s) counted from p_since, so that it keeps its
-- step and what was missed is caught up with one run; or a cron line of five fields, in UTC. As in cron, a day of the month and a
-- day of the week that are both given are alternatives. TM108 where it is neither, null where it never comes (February 30).
create or replace function tmidb.next_run(p_schedule text, p_since timestamptz, p_after timestamptz) returns timestamptz
language plpgsql immutable set search_path = pg_catalog, pg_temp
as $$
declare
  v_found text[] := regexp_match(lower(trim(p_schedule)), '^(?:every\s+)?(\d{1,8})\s*(s|m|h|d|sec|min)?$');
  v_fields text[] := regexp_split_to_array(trim(p_schedule), '\s+');
  v_step interval;
  v_minutes int[];
  v_hours int[];
  v_days int[];
  v_months int[];
  v_weekdays int[];
  v_from timestamp;
  v_next timestamp;
begin
  if v_found is not null then
    v_step := v_found[1]::int * case left(v_found[2], 1) when 'm' then interval '1 minute' when 'h' then interval '1 hour'
      when 'd' then interval '1 day' else interval '1 second' end;
    if v_step < interval '5 s' or v_step > interval '366 days' then
      raise exception 'The schedule % is out of range.', quote_literal(p_schedule) using errcode = 'TM108',
        hint = 'At least every 5 s, at most every 366 d.';
    end if;
    return p_since + v_step * greatest(1, floor(extract(epoch from p_after - p_since) / extract(epoch from v_step)) + 1);
  end if;
  if cardinality(v_fields) = 5 then
    v_minutes := tmidb.cron_field(v_fields[1], 0, 59);
    v_hours := tmidb.cron_field(v_fields[2], 0, 23);
    v_days := tmidb.cron_field(v_fields[3], 1, 31);
    v_months := tmidb.cron_field(v_fields[4], 1, 12);
    v_weekdays := array(select n % 7 from unnest(tmidb.cron_field(v_fields[5], 0, 7)) n);
    if tmidb.cron_field(v_fields[5], 0, 7) is null then v_weekdays := null; end if;
  end if;
  if v_minutes is null or v_hours is null or v_days is null or v_months is null or v_weekdays is null then
    raise exception 'The schedule % cannot be read.', quote_literal(left(p_schedule, 80)) using errcode = 'TM108',
      hint = 'Say "every 60 s" (at least 5 s; s, m, h or d), or a cron line in UTC such as "*/15 * * * *".';
  end if;
  v_from := date_trunc('minute', p_after at time zone 'UTC') + interval '1 minute';
  -- Nine years hold every February 29.
  select min(m.t) into v_next
  from (select d from generate_series(date_trunc('day', v_from), v_from + interval '9 years', interval '1 day') d
        where extract(month from d)::int = any(v_months)
          and case when v_fields[3] = '*' or v_fields[5] = '*'
            then extract(day from d)::int = any(v_days) and extract(dow from d)::int = any(v_weekdays)
            else extract(day from d)::int = any(v_days) or extract(dow from d)::int = any(v_weekdays) end
        order by d limit 2) days
  cross join unnest(v_hours) h
  cross join unnest(v_minutes) i
  cross join lateral (select days.d + h * interval '1 hour' + i * interval '1 minute' as t) m
  where m.t >= v_from;
  return v_next at time zone 'UTC';
end $$;

comment on function tmidb.next_run(text, timestamptz, timestamptz) is 'When a schedule ("every 60 s" or a cron line) comes next.';
revoke all on function tmidb.next_run(text, timestamptz, timestamptz) from public;
