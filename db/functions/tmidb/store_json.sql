-- SPDX-License-Identifier: MIT
-- after: store, shape_of, shard_of
-- Readings that are already in the database (inserts by SQL, quarantined ones) on the same way as those from the streams: the
-- dictionaries that the ways in build outside are built here.
create or replace function tmidb.store_json(p_rows jsonb) returns jsonb
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
  with r as materialized (
    select o, x->>'category' as category, x->>'target' as target, (x->>'ts')::timestamptz as ts, x->>'mid' as mid, x->'data' as data,
           (x->>'speaker')::bigint as speaker, tmidb.shape_of(x->'data') as shape
    from jsonb_array_elements(p_rows) with ordinality a(x, o)
  ), k as materialized (select target, row_number() over (order by target) as i from (select distinct target from r) d),
  s as materialized (select category, shape, row_number() over (order by category, shape) as i from (select distinct category, shape from r) d),
  p as materialized (select speaker, row_number() over (order by speaker) as i from (select distinct speaker from r) d)
  select tmidb.store(
    (select array_agg(target order by i) from k), (select array_agg(tmidb.shard_of(target) order by i) from k),
    (select array_agg(category order by i) from s), (select array_agg(hashtextextended(shape::text, 0) order by i) from s),
    (select array_agg(shape::text order by i) from s), (select array_agg(speaker order by i) from p),
    array_agg(k.i::int order by r.o), array_agg(s.i::int order by r.o), array_agg(p.i::int order by r.o),
    array_agg(r.ts order by r.o), array_agg(r.mid order by r.o), array_agg(r.data::text order by r.o))
  from r join k using (target) join s using (category, shape) join p using (speaker)
$$;

comment on function tmidb.store_json(jsonb) is 'Stores [{"category", "target", "ts", "mid", "data", "speaker"}].';
revoke all on function tmidb.store_json(jsonb) from public;
