-- SPDX-License-Identifier: MIT
-- after: typed_row, cut, mask_at, shown_at, cutoffs
-- What is new since a vector of positions, for the permission classes that are connected: one row per event and distinct set of
-- visible fields, with the classes that get exactly that. The payload is cut here once per set, not once per listener. p_from and
-- p_upto bound the positions (the caller reads p_upto from live_heads first); p_low and p_high, from the wake-up, let the planner
-- skip all other chunks, hence the forced custom plan. A position holds its shard from bit 50 on (2^50 = 1125899906842624). What was
-- packed is weeks old and no news; neither is, for who sees the last hours only, what comes late or is put right later.
create or replace function tmidb.fanout(p_from bigint[], p_upto bigint[], p_classes bigint[], p_low timestamptz, p_high timestamptz,
  p_majors jsonb default '{}')
returns table (shard smallint, "position" bigint, classes bigint[], category text, target text, tail text, typed jsonb)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
as $$
begin
  return query
  with class as materialized (
    select c.class_id, c.rules #> '{}' as rules, tmidb.cutoffs(c.rules) as cutoffs
    from tmidb.permission_class c where c.class_id = any(p_classes)
  ), fresh as materialized (
    select (o.position >> 50)::smallint as shard, o.position & ((1::bigint << 50) - 1) as position, o.category_id, o.target_id, o.ts,
      o.version_id, o.payload
    from tmidb.ts_obs o
    where ((o.position > 0 + p_from[1] and o.position <= 0 + p_upto[1])
      or (o.position > 1125899906842624 + p_from[2] and o.position <= 1125899906842624 + p_upto[2])
      or (o.position > 2251799813685248 + p_from[3] and o.position <= 2251799813685248 + p_upto[3])
      or (o.position > 3377699720527872 + p_from[4] and o.position <= 3377699720527872 + p_upto[4])
      or (o.position > 4503599627370496 + p_from[5] and o.position <= 4503599627370496 + p_upto[5])
      or (o.position > 5629499534213120 + p_from[6] and o.position <= 5629499534213120 + p_upto[6])
      or (o.position > 6755399441055744 + p_from[7] and o.position <= 6755399441055744 + p_upto[7])
      or (o.position > 7881299347898368 + p_from[8] and o.position <= 7881299347898368 + p_upto[8]))
      and o.payload is not null and o.ts >= p_low and o.ts <= p_high
  ), masked as (
    select f.shard, f.position, f.category_id, f.target_id, f.ts, f.version_id, f.payload, m.mask, array_agg(c.class_id) as classes
    from fresh f
    cross join class c
    cross join lateral (select tmidb.mask_at(c.rules, c.cutoffs, f.category_id, f.target_id, f.ts) as mask offset 0) m
    where tmidb.shown_at(c.rules, c.cutoffs, f.category_id, f.target_id, f.ts)
    group by f.shard, f.position, f.category_id, f.target_id, f.ts, f.version_id, f.payload, m.mask
  ), shown as (
    select m.*, case when m.mask ? '*' then m.payload else tmidb.cut(m.payload, m.mask) end as data
    from masked m
  )
  select s.shard, s.position, s.classes, c.name, t.key,
    '"category":' || to_json(c.name) || ',"version":"' || v.major || '.' || v.minor || '","target":' || to_json(t.key)
      || ',"ts":"' || to_char(s.ts at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') || '","data":' || s.data || '}',
    case when p_majors ? c.name then (
      select jsonb_object_agg(x, tmidb.typed_row(s.category_id, x::smallint, s.data))
      from jsonb_array_elements_text(p_majors -> c.name) x) end
  from shown s
  join tmidb.category c on c.category_id = s.category_id
  join tmidb.target t on t.target_id = s.target_id
  join tmidb.schema_version v on v.version_id = s.version_id
  order by s.shard, s.position;
end $$;

comment on function tmidb.fanout(bigint[], bigint[], bigint[], timestamptz, timestamptz, jsonb) is
  'Events between two vectors of positions, each with the permission classes that may see it and the fields they may see.';
revoke all on function tmidb.fanout(bigint[], bigint[], bigint[], timestamptz, timestamptz, jsonb) from public;
grant execute on function tmidb.fanout(bigint[], bigint[], bigint[], timestamptz, timestamptz, jsonb) to tmidb_api;
