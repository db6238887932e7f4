-- SPDX-License-Identifier: MIT
-- Room in ts_obs for one moment. Recent time is cut into days; history that comes late into months, and beyond two years into
-- years, so that an old archive does not make thousands of tables. The piece is built aside and then attached: attaching does not
-- wait for readers or writers of the rest. Every leaf gets its own row security, since policies of the parent do not cover a
-- partition that is read directly.
create or replace function tmidb.make_chunk(p_ts timestamptz) returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set timezone = 'UTC'
as $$
declare
  v_unit text;
  v_from timestamptz;
  v_to timestamptz;
  v_name text;
  v_leaf text;
begin
  lock table tmidb.chunk in share row exclusive mode;
  if exists (select from tmidb.chunk where from_ts <= p_ts and to_ts > p_ts) then return false; end if;
  foreach v_unit in array case when p_ts < now() - interval '2 years' then array['year', 'month', 'day']
                               when p_ts < now() - interval '31 days' then array['month', 'day'] else array['day'] end loop
    v_from := date_trunc(v_unit, p_ts);
    v_to := v_from + ('1 ' || v_unit)::interval;
    exit when not exists (select from tmidb.chunk where from_ts < v_to and to_ts > v_from);
  end loop;
  v_name := 'ts_obs_' || to_char(v_from, case v_unit when 'year' then 'YYYY' when 'month' then 'YYYYMM' else 'YYYYMMDD' end);
  execute format('create table tmidb_parts.%I (like tmidb.ts_obs including defaults including constraints)
    partition by hash (target_id)', v_name);
  for i in 0..7 loop
    v_leaf := v_name || '_' || i;
    execute format('create table tmidb_parts.%I partition of tmidb_parts.%I for values with (modulus 8, remainder %s)',
      v_leaf, v_name, i);
    execute format('alter table tmidb_parts.%I enable row level security, force row level security', v_leaf);
  end loop;
  execute format('alter table tmidb_parts.%I enable row level security, force row level security', v_name);
  execute format('alter table tmidb.ts_obs attach partition tmidb_parts.%I for values from (%L) to (%L)', v_name, v_from, v_to);
  insert into tmidb.chunk (from_ts, to_ts, name) values (v_from, v_to, v_name);
  return true;
end $$;

comment on function tmidb.make_chunk(timestamptz) is 'Makes room in ts_obs for a moment; false if there was room.';
revoke all on function tmidb.make_chunk(timestamptz) from public;
