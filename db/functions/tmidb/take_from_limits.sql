-- SPDX-License-Identifier: MIT
-- Takes from several limits at once, for all processes together: one row a key, locked in the order of the keys. What was taken never
-- exceeds what is allowed in a window; a clock that is a little behind counts into the window that has begun, one that was set back by
-- more than a window begins anew.
create or replace function tmidb.take_from_limits(p_keys text[], p_allowed int[], p_wanted int[], p_window interval default '1 minute',
  p_at timestamptz default null)
returns table (key text, granted int, taken int, allowed int, ends_at timestamptz)
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
  insert into tmidb.rate_count as c (key, ends_at, allowed, taken, granted)
  select w.key, date_bin(p_window, coalesce(p_at, clock_timestamp()), 'epoch') + p_window, w.allowed, least(w.wanted, w.allowed),
    least(w.wanted, w.allowed)
  from unnest(p_keys, p_allowed, p_wanted) w(key, allowed, wanted)
  order by w.key
  on conflict (key) do update set
    (ends_at, allowed, taken, granted) = (select
      case when runs then c.ends_at else excluded.ends_at end,
      excluded.allowed,
      case when runs then c.taken + rest else excluded.taken end,
      case when runs then rest else excluded.granted end
      from (select c.ends_at between excluded.ends_at and excluded.ends_at + p_window as runs,
        greatest(0, least(excluded.granted, excluded.allowed - c.taken)) as rest) r)
  returning c.key, c.granted, c.taken, c.allowed, c.ends_at
$$;

comment on function tmidb.take_from_limits(text[], int[], int[], interval, timestamptz) is
  'Takes up to wanted of each key''s allowance in the window that runs (p_at: now) and tells what was granted, what is taken by all, and when the window ends.';
revoke all on function tmidb.take_from_limits(text[], int[], int[], interval, timestamptz) from public;
