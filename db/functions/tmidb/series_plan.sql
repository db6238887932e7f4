-- SPDX-License-Identifier: MIT
-- Where each piece of a stretch of time is best read from: the widest roll-up that all buckets are made of, narrower ones and then the
-- readings towards the ends that are not whole, and the readings wherever roll-ups are not whole or were dropped. Where the readings
-- are gone, what is left of the roll-ups stands in, each at its own beginning. p_widest is the widest roll-up that no bucket boundary
-- cuts: 0 none, 1 minutes, 2 hours, 3 days. Floors count in whole days, so that no piece is half gone.
create or replace function tmidb.series_plan(p_category tmidb.category, p_from timestamptz, p_to timestamptz, p_widest int)
returns table (source text, from_ts timestamptz, to_ts timestamptz)
language plpgsql stable set search_path = pg_catalog, pg_temp set timezone = 'UTC'
as $$
declare
  c_day constant interval := '1 day';
  c_source constant text[] := array['minute', 'hour', 'day'];
  c_width constant interval[] := array['1 minute', '1 hour', '1 day'];
  -- A roll-up counts from its floor on; readings count from raw_from on.
  v_floor timestamptz[] := array[p_category.minute_from, p_category.hour_from, p_category.day_from];
  v_raw timestamptz := greatest(p_category.raw_from, statement_timestamp() - p_category.retention);
  v_raw_down timestamptz := case when isfinite(v_raw) then date_trunc('day', v_raw) else v_raw end;
  v_raw_up timestamptz := case when isfinite(v_raw) then date_trunc('day', v_raw + c_day - interval '1 us') else v_raw end;
  v_since timestamptz := p_category.rollup_since;
  v_cuts timestamptz[];
  v_source text;
  v_i int;
  v_g int;
begin
  v_cuts := array(
    select distinct c from (
      select unnest(array[p_from, p_to, v_raw_down, v_raw_up, v_since] || v_floor) as c
      union all select date_bin(w, p_from + w - interval '1 us', '2000-01-01Z') from unnest(c_width) w
      union all select date_bin(w, p_to, '2000-01-01Z') from unnest(c_width) w) x
    where c between p_from and p_to order by 1);
  for v_i in 1..cardinality(v_cuts) - 1 loop
    from_ts := v_cuts[v_i];
    to_ts := v_cuts[v_i + 1];
    v_source := null;
    if from_ts >= v_since or from_ts < v_raw_down then
      for v_g in reverse p_widest..1 loop
        if v_source is null and from_ts >= v_floor[v_g] and date_bin(c_width[v_g], from_ts, '2000-01-01Z') = from_ts
           and date_bin(c_width[v_g], to_ts, '2000-01-01Z') = to_ts then
          v_source := c_source[v_g];
        end if;
      end loop;
    end if;
    if v_source is null and from_ts < (case when from_ts >= v_since then v_raw_up else v_raw_down end) then
      for v_g in 1..3 loop
        if v_source is null and from_ts >= v_floor[v_g] then v_source := c_source[v_g]; end if;
      end loop;
    end if;
    source := coalesce(v_source, 'raw');
    return next;
  end loop;
end $$;

comment on function tmidb.series_plan(tmidb.category, timestamptz, timestamptz, int) is 'Which pieces of a stretch of time are read from minute, hour, day or raw.';
revoke all on function tmidb.series_plan(tmidb.category, timestamptz, timestamptz, int) from public;
