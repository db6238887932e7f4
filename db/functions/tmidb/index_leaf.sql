-- SPDX-License-Identifier: MIT
-- The indexes of a table of readings. Cold rows lie in the order of category, target and time, so that a block range index of some
-- kilobytes finds them; the B-trees hold only what came late, in hot form.
create or replace function tmidb.index_leaf(p_name text, p_is_cold boolean) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
  execute format('create unique index %I on tmidb_parts.%I (target_id, category_id, ts, digest)%s', p_name || '_identity_idx', p_name,
    case when p_is_cold then ' where payload is not null' else '' end);
  execute format('create index %I on tmidb_parts.%I (position)%s', p_name || '_position_idx', p_name,
    case when p_is_cold then ' where payload is not null' else '' end);
  if p_is_cold then
    execute format('create index %I on tmidb_parts.%I using brin (category_id, target_id, ts) with (pages_per_range = 8)',
      p_name || '_cold_idx', p_name);
  end if;
end $$;

comment on function tmidb.index_leaf(text, boolean) is 'Makes the indexes of a table of readings: in a cold one small ones, as its rows lie in order.';
revoke all on function tmidb.index_leaf(text, boolean) from public;
