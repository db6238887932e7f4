-- SPDX-License-Identifier: MIT
-- The trace goes when its readings go: a category's points older than a moment, so many at a time; to be called until it says 0.
-- It finds them by the key, target by target, so that no further index has to be kept up.
create or replace function tmidb.forget_trace(p_category_id smallint, p_before timestamptz, p_limit integer default 50000) returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set enable_seqscan = off
as $$
declare
  v_count int;
begin
  delete from tmidb.geo_trace g
  using (select t.target_id, old.ts from tmidb.target t
         cross join lateral (select o.ts from tmidb.geo_trace o where o.target_id = t.target_id and o.category_id = p_category_id
                             and o.ts < p_before order by o.ts limit p_limit) old
         limit p_limit) x
  where g.target_id = x.target_id and g.category_id = p_category_id and g.ts = x.ts;
  get diagnostics v_count = row_count;
  return v_count;
end $$;

comment on function tmidb.forget_trace(smallint, timestamptz, integer) is
  'Deletes at most so many points of a category''s traces from before a moment; returns how many.';
revoke all on function tmidb.forget_trace(smallint, timestamptz, integer) from public;
