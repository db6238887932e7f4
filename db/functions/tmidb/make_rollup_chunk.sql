-- SPDX-License-Identifier: MIT
-- after: make_rollup_leaf
-- Room for roll-ups of one moment, by the rule of make_chunk but wider where rows are fewer: minutes in days (history in months,
-- then years), hours in months (then years), days in years. Made by the job that merges; nobody who sends a reading waits for it.
create or replace function tmidb.make_rollup_chunk(p_grain text, p_ts timestamptz) returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set timezone = 'UTC'
as $$
declare
  v_unit text;
  v_from timestamptz;
  v_to timestamptz;
  v_name text;
begin
  lock table tmidb.rollup_chunk in share row exclusive mode;
  if exists (select from tmidb.rollup_chunk where grain = p_grain and from_ts <= p_ts and to_ts > p_ts) then return false; end if;
  foreach v_unit in array case
    when p_grain = 'day' then array['year']
    when p_ts < now() - interval '2 years' then array['year', 'month', 'day']
    when p_grain = 'hour' or p_ts < now() - interval '31 days' then array['month', 'day'] else array['day'] end
  loop
    v_from := date_trunc(v_unit, p_ts);
    v_to := v_from + ('1 ' || v_unit)::interval;
    exit when not exists (select from tmidb.rollup_chunk where grain = p_grain and from_ts < v_to and to_ts > v_from);
  end loop;
  v_name := format('rollup_%s_%s', p_grain,
    to_char(v_from, case v_unit when 'year' then 'YYYY' when 'month' then 'YYYYMM' else 'YYYYMMDD' end));
  -- Rows of the current bucket are changed with every merge: room on the page keeps the index out of it.
  perform tmidb.make_rollup_leaf(p_grain, v_name, 80);
  execute format('alter table tmidb.rollup_%s attach partition tmidb_parts.%I for values from (%L) to (%L)', p_grain, v_name, v_from, v_to);
  insert into tmidb.rollup_chunk (grain, from_ts, to_ts, name) values (p_grain, v_from, v_to, v_name);
  return true;
end $$;

comment on function tmidb.make_rollup_chunk(text, timestamptz) is 'Makes room for roll-ups of a grain at a moment; false if there was room.';
revoke all on function tmidb.make_rollup_chunk(text, timestamptz) from public;
