-- SPDX-License-Identifier: MIT
-- Where the bucket of a moment begins, as TimescaleDB's time_bucket counts: from Monday 2000-01-03 on, months from 2000-01-01 on, on
-- the clock of the zone. A bucket whose beginning the clock shows twice (when it is put back) begins the first time, one whose
-- beginning it skips begins where it jumps; so a day has 23, 24 or 25 hours. Buckets of up to an hour are told apart although the clock
-- shows them twice: they are counted back from the moment itself. No search_path is set: it would cost more than the rest.
create or replace function tmidb.bucket_start(p_width interval, p_ts timestamptz, p_timezone text default 'UTC', p_origin timestamptz default null)
returns timestamptz
language plpgsql immutable parallel safe
as $$
declare
  v_months int := date_part('year', p_width) * 12 + date_part('month', p_width);
  v_days int := date_part('day', p_width);
  v_rest interval := p_width - make_interval(months => v_months, days => v_days);
  v_local timestamp := p_ts at time zone p_timezone;
  v_origin timestamp := p_origin at time zone p_timezone;
  v_start timestamp;
  v_count int;
  v_found timestamptz;
  v_before timestamptz;
begin
  if p_width is null or p_ts is null or p_timezone is null or not isfinite(p_ts) then return p_ts; end if;
  if p_width <= interval '0' or v_months < 0 or v_days < 0 or v_rest < interval '0' or (v_months > 0 and (v_days > 0 or v_rest > interval '0')) then
    raise exception 'A bucket cannot be % wide.', p_width using errcode = 'TM305',
      hint = 'Say a positive interval, either of months and years or of days and less.';
  end if;
  if v_months = 0 then
    v_start := date_bin(p_width, v_local, coalesce(v_origin, '2000-01-03'));
    if v_days = 0 and v_rest <= interval '1 hour' then return p_ts - (v_local - v_start); end if;
  else
    v_origin := coalesce(v_origin, '2000-01-01');
    v_count := (extract(year from v_local) - extract(year from v_origin)) * 12 + extract(month from v_local) - extract(month from v_origin);
    if v_origin + make_interval(months => v_count) > v_local then v_count := v_count - 1; end if;
    v_start := v_origin + make_interval(months => floor(v_count::numeric / v_months)::int * v_months);
  end if;
  v_found := v_start at time zone p_timezone;
  v_before := v_found - interval '1 day';
  v_before := (v_start - ((v_before at time zone p_timezone) - (v_before at time zone 'UTC'))) at time zone 'UTC';
  return case when v_before < v_found and v_before at time zone p_timezone = v_start then v_before else v_found end;
end $$;

comment on function tmidb.bucket_start(interval, timestamptz, text, timestamptz) is 'The first moment of the bucket that a moment is in.';
revoke all on function tmidb.bucket_start(interval, timestamptz, text, timestamptz) from public;
grant execute on function tmidb.bucket_start(interval, timestamptz, text, timestamptz) to tmidb_views, tmidb_anonymous, tmidb_speaker,
  tmidb_listener, tmidb_viewer, tmidb_editor, tmidb_admin;
