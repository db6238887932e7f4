-- SPDX-License-Identifier: MIT
-- after: make_leaf
-- Room in ts_obs for one moment. Recent time is cut into days; history that comes late into months, and beyond two years into
-- years, so that an old archive does not make thousands of tables. A chunk is one table, and where categories have a retention of
-- their own, one more for each of these, so that expired readings go by dropping a table. The piece is built aside and then attached:
-- attaching does not wait for readers or writers of the rest. TimescaleDB makes room by itself: its one chunk covers all time.
create or replace function tmidb.make_chunk(p_ts timestamptz) returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set timezone = 'UTC'
as $$
declare
  v_unit text;
  v_from timestamptz;
  v_to timestamptz;
  v_name text;
  v_category smallint;
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
  if not exists (select from tmidb.category where retention is not null) then
    perform tmidb.make_leaf(v_name);
  else
    execute format('create table tmidb_parts.%I (like tmidb.ts_obs including constraints) partition by list (category_id)', v_name);
    execute format('alter table tmidb_parts.%I enable row level security, force row level security', v_name);
    for v_category in select category_id from tmidb.category where retention is not null loop
      perform tmidb.make_leaf(v_name || '_c' || v_category);
      execute format('alter table tmidb_parts.%I attach partition tmidb_parts.%I for values in (%s)',
        v_name, v_name || '_c' || v_category, v_category);
    end loop;
    perform tmidb.make_leaf(v_name || '_rest');
    execute format('alter table tmidb_parts.%I attach partition tmidb_parts.%I default', v_name, v_name || '_rest');
  end if;
  execute format('alter table tmidb.ts_obs attach partition tmidb_parts.%I for values from (%L) to (%L)', v_name, v_from, v_to);
  insert into tmidb.chunk (from_ts, to_ts, name) values (v_from, v_to, v_name);
  return true;
end $$;

comment on function tmidb.make_chunk(timestamptz) is 'Makes room in ts_obs for a moment; false if there was room.';
revoke all on function tmidb.make_chunk(timestamptz) from public;
