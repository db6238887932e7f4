-- SPDX-License-Identifier: MIT
-- after: rules, expect, unpack
-- The newest readings of each target and category, looked up one by one in the key (target_id, category_id, ts). Time is gone through
-- backwards in windows, each four times as long as all before: the bounds are constants in a plan of its own, so the planner
-- sees only the few chunks of the window, and what has its n readings is not asked for again. Over 90 chunks at once the same
-- look-up costs more in opening chunks than in reading. From one window to the next rows come newest first.
create or replace function api.latest(category text default null, target text default null, n integer default 1)
returns setof api.latest_reading
language plpgsql stable security definer rows 100 set search_path = pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
  set enable_seqscan = off set jit = off
as $$
#variable_conflict use_column
declare
  v_rules jsonb := tmidb.rules();
  v_first timestamptz;
  v_high timestamptz;
  v_low timestamptz := date_trunc('day', now(), 'UTC');
  v_width interval := interval '1 day';
  v_targets uuid[];
  v_categories smallint[];
  v_wanted int[];
  v_found api.latest_reading[];
  v_of uuid[];
  v_in smallint[];
begin
  perform tmidb.expect(latest.n between 1 and 1000, 'n is 1 to 1,000.');
  -- TimescaleDB's one chunk covers all time; nothing is stored from before 1900.
  select greatest(min(from_ts), '1900-01-01Z'), max(to_ts) into v_first, v_high from tmidb.chunk;
  select array_agg(t.target_id), array_agg(c.category_id), array_agg(latest.n) into v_targets, v_categories, v_wanted
  from tmidb.category c cross join tmidb.target t
  where (latest.category is null or c.name = latest.category) and (latest.target is null or t.key = latest.target)
    and v_rules ?| array['*/*', c.category_id || '/*', c.category_id || '/' || t.target_id, '*/' || t.target_id];

  while v_high > v_first and cardinality(v_targets) > 0 loop
    with found as (
      select p.target_id, p.category_id, o.ts, o.position,
             row(t.key, c.name, v.major || '.' || v.minor, o.ts, o.position, case when m.mask ? '*' then m.payload
               else (select coalesce(jsonb_object_agg(e.key, e.value), '{}') from jsonb_each(m.payload) e where m.mask ? e.key) end
             )::api.latest_reading as reading
      from unnest(v_targets, v_categories, v_wanted) p(target_id, category_id, wanted)
      cross join lateral (
        select o.ts, o.position, o.version_id, o.payload, o.compact from tmidb.ts_obs o
        where o.target_id = p.target_id and o.category_id = p.category_id and o.ts >= v_low and o.ts < v_high
        order by o.ts desc, o.position desc limit p.wanted) o
      join tmidb.target t on t.target_id = p.target_id
      join tmidb.category c on c.category_id = p.category_id
      join tmidb.schema_version v on v.version_id = o.version_id
      cross join lateral (
        select coalesce(v_rules -> '*/*', '{}') || coalesce(v_rules -> (p.category_id || '/*'), '{}')
          || coalesce(v_rules -> (p.category_id || '/' || p.target_id), '{}') || coalesce(v_rules -> ('*/' || p.target_id), '{}') as mask,
          coalesce(o.payload, tmidb.unpack(o.version_id, o.compact)) as payload offset 0) m
    )
    select array_agg(reading order by ts desc, position desc), array_agg(target_id), array_agg(category_id) into v_found, v_of, v_in from found;
    return query select * from unnest(v_found);

    select array_agg(p.target_id), array_agg(p.category_id), array_agg(p.wanted - coalesce(f.n, 0)) into v_targets, v_categories, v_wanted
    from unnest(v_targets, v_categories, v_wanted) p(target_id, category_id, wanted)
    left join (select target_id, category_id, count(*)::int as n from unnest(v_of, v_in) f(target_id, category_id) group by 1, 2) f
      on f.target_id = p.target_id and f.category_id = p.category_id
    where p.wanted > coalesce(f.n, 0);
    v_high := v_low;
    v_low := greatest(v_high - v_width, v_first);
    v_width := v_width * 4;
  end loop;
end $$;

comment on function api.latest(text, text, integer) is
  E'@param category Only of this category.\n@param target Only of this target, by its key.\n@param n How many of each target and category, 1 to 1,000.\nThe newest readings of each target and category, newest first; each is cut to the fields that may be seen.';
revoke all on function api.latest(text, text, integer) from public;
grant execute on function api.latest(text, text, integer) to tmidb_listener, tmidb_viewer, tmidb_editor, tmidb_admin;
