-- SPDX-License-Identifier: MIT
-- after: rules, expect, unpack, cut, mask_at, shown_at, shown_since, cutoffs
-- The newest readings of each target and category, looked up one by one in the key (target_id, category_id, ts). Time is gone through
-- backwards in windows, each four times as long as all before, by a statement that is planned for just this window: the planner
-- sees the few chunks in it, and what has its n readings is not asked for again. Over all chunks at once the same look-up
-- costs more in opening chunks than in reading. Names and masks are added by statements whose plans are kept, because most of
-- the time goes into planning. From one window to the next rows come newest first. A target and category without any reading
-- is looked up in every chunk: the hot ones are few and have B-trees, the cold ones are many and have not. So in these only few are
-- looked for, as in tmidb.last_values: who has been silent for so long is found by name, not among many.
-- Where only young readings may be seen, a target and category is asked for from the moment on from which it is shown.
create or replace function api.latest(category text default null, target text default null, n integer default 1,
  max_age interval default null)
returns setof api.latest_reading
language plpgsql stable security definer rows 100 set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan
  set enable_seqscan = off set jit = off
as $$
#variable_conflict use_column
declare
  v_rules jsonb := tmidb.rules();
  v_cutoffs timestamptz[] := tmidb.cutoffs(v_rules);
  v_first timestamptz;
  v_high timestamptz;
  v_low timestamptz;
  v_width interval := interval '1 day';
  v_hot constant timestamptz := (select coalesce(max(c.to_ts), '-infinity') from tmidb.chunk c where c.cold_at is not null and c.name <> 'hypertable');
  c_looked_for_when_cold constant int := 50;
  v_targets uuid[];
  v_categories smallint[];
  v_wanted int[];
  v_since timestamptz[];
  v_pair int[];
  v_ts timestamptz[];
  v_position bigint[];
  v_version int[];
  v_payload jsonb[];
begin
  perform tmidb.expect(latest.n between 1 and 1000, 'n is 1 to 1,000.');
  -- TimescaleDB's one chunk covers all time; nothing is stored from before 1900.
  select greatest(min(from_ts), '1900-01-01Z', now() - latest.max_age), max(to_ts) into v_first, v_high from tmidb.chunk;
  v_low := greatest(date_trunc('day', now(), 'UTC'), v_first);
  select array_agg(t.target_id), array_agg(c.category_id), array_agg(latest.n),
    array_agg(case when v_cutoffs is null then v_first
      else (select greatest(s.since, v_first) from tmidb.shown_since(v_rules, v_cutoffs, c.category_id, t.target_id) s) end)
  into v_targets, v_categories, v_wanted, v_since
  from tmidb.category c cross join tmidb.target t
  where (latest.category is null or c.name = latest.category) and (latest.target is null or t.key = latest.target)
    and tmidb.shown_at(v_rules, v_cutoffs, c.category_id, t.target_id, 'infinity');

  v_first := greatest(v_first, (select min(s) from unnest(v_since) s));
  while v_high > v_first and cardinality(v_targets) > 0 loop
    exit when v_high <= v_hot and cardinality(v_targets) > c_looked_for_when_cold;
    if v_high > v_hot then v_low := greatest(v_low, v_hot); end if;
    execute 'select array_agg(p.i order by o.ts desc, o.position desc), array_agg(o.ts order by o.ts desc, o.position desc),
        array_agg(o.position order by o.ts desc, o.position desc), array_agg(o.version_id order by o.ts desc, o.position desc),
        array_agg(coalesce(o.payload, tmidb.unpack(o.version_id, o.compact)) order by o.ts desc, o.position desc)
      from unnest($1, $2, $3, $6) with ordinality p(target_id, category_id, wanted, since, i)
      cross join lateral (
        select x.ts, x.position, x.version_id, x.payload, x.compact from tmidb.ts_obs x
        where x.target_id = p.target_id and x.category_id = p.category_id and x.ts >= $4 and x.ts < $5 and x.ts >= p.since
        order by x.ts desc, x.position desc limit p.wanted) o'
    into v_pair, v_ts, v_position, v_version, v_payload using v_targets, v_categories, v_wanted, v_low, v_high, v_since;
    if v_pair is not null then
      return query
      select t.key, c.name, v.major || '.' || v.minor, f.ts, f.position, case when m.mask ? '*' then f.payload else tmidb.cut(f.payload, m.mask) end
      from unnest(v_pair, v_ts, v_position, v_version, v_payload) with ordinality f(i, ts, position, version_id, payload, o)
      join tmidb.target t on t.target_id = v_targets[f.i]
      join tmidb.category c on c.category_id = v_categories[f.i]
      join tmidb.schema_version v on v.version_id = f.version_id
      cross join lateral (select tmidb.mask_at(v_rules, v_cutoffs, c.category_id, t.target_id, f.ts) as mask offset 0) m
      order by f.o;

      select array_agg(p.target_id), array_agg(p.category_id), array_agg(p.wanted - coalesce(f.n, 0)::int), array_agg(p.since)
      into v_targets, v_categories, v_wanted, v_since
      from unnest(v_targets, v_categories, v_wanted, v_since) with ordinality p(target_id, category_id, wanted, since, i)
      left join (select i, count(*) as n from unnest(v_pair) i group by 1) f on f.i = p.i
      where p.wanted > coalesce(f.n, 0);
    end if;
    v_high := v_low;
    v_low := greatest(v_high - v_width, v_first);
    v_width := v_width * 4;
  end loop;
end $$;

comment on function api.latest(text, text, integer, interval) is
  E'@param category Only of this category.\n@param target Only of this target, by its key.\n@param n How many of each target and category, 1 to 1,000.\n@param max_age Only readings not older than this; null: however old.\nThe newest readings of each target and category, newest first; each is cut to the fields that may be seen. Where more than 50 targets and categories have nothing since the oldest chunk that is not packed (30 days), these are left out: ask for them by target.';
revoke all on function api.latest(text, text, integer, interval) from public;
grant execute on function api.latest(text, text, integer, interval) to tmidb_listener, tmidb_viewer, tmidb_editor, tmidb_admin;
