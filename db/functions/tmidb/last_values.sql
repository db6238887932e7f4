-- SPDX-License-Identifier: MIT
-- after: class_of_grants, unpack, cut, mask_at, shown_at, cutoffs
-- What stands now, for a permission class: the newest reading of each target in each category that it may see, cut to the fields it
-- may see, as tmidb.fanout writes them. Which pairs those are comes from the rules; each pair costs one step into the index
-- (target_id, category_id, ts) of the newest chunk that has it, and history is never walked. A pair without a reading looks into
-- every chunk: the hot ones are few and have B-trees (1 us each), the cold ones are many and have not, so only few pairs are looked
-- up there. A target that has been silent for longer than instance.cold_after is found by its name, not among thousands. Where the
-- newest reading is older than what may be seen, those before it are too.
create or replace function tmidb.last_values(p_class_id bigint, p_category text default null, p_targets text[] default null)
returns table (category text, target text, tail text)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
as $$
declare
  v_hot constant timestamptz := (select coalesce(max(to_ts), '-infinity') from tmidb.chunk where cold_at is not null and name <> 'hypertable');
begin
  return query
  with class as materialized (
    select c.rules #> '{}' as rules, tmidb.cutoffs(c.rules) as cutoffs from tmidb.permission_class c where c.class_id = p_class_id
  ), rule as materialized (
    -- A key of an age class begins with its number.
    select distinct split_part(r.key, '/', 1) as category_id, split_part(r.key, '/', 2) as target_id
    from class, jsonb_object_keys(class.rules) k, regexp_replace(k, '^\d+:', '') r(key) where r.key ~ '^(\*|\d+)/'
  ), pair as materialized (
    -- Of "every target" all are meant that there are; named ones are looked up, so that few rules do not walk many targets.
    select c.category_id, c.name, t.target_id, t.key
    from tmidb.category c cross join tmidb.target t
    where (p_category is null or c.name = p_category) and (p_targets is null or t.key = any(p_targets))
      and exists (select from rule r where r.target_id = '*' and r.category_id in ('*', c.category_id::text))
    union
    select c.category_id, c.name, t.target_id, t.key
    from rule r
    join tmidb.category c on r.category_id in ('*', c.category_id::text)
    join tmidb.target t on t.target_id = nullif(r.target_id, '*')::uuid
    where (p_category is null or c.name = p_category) and (p_targets is null or t.key = any(p_targets))
  ), hot as materialized (
    select p.*, o.*
    from pair p
    cross join lateral (
      select r.ts, r.version_id, r.payload, r.compact from tmidb.ts_obs r
      where r.target_id = p.target_id and r.category_id = p.category_id and r.ts >= v_hot order by r.ts desc limit 1) o
  ), missing as materialized (
    select p.* from pair p
    where v_hot > '-infinity' and not exists (select from hot h where h.target_id = p.target_id and h.category_id = p.category_id)
  ), last as (
    select * from hot
    union all
    select m.*, o.*
    from missing m
    cross join lateral (
      select r.ts, r.version_id, r.payload, r.compact from tmidb.ts_obs r
      where r.target_id = m.target_id and r.category_id = m.category_id and r.ts < v_hot order by r.ts desc limit 1) o
    where (select count(*) from missing) <= 50
  ), shown as (
    select l.*, case when m.mask ? '*' then l.whole else tmidb.cut(l.whole, m.mask) end as data
    from (select *, coalesce(payload, tmidb.unpack(version_id, compact)) as whole from last) l
    cross join class c
    cross join lateral (select tmidb.mask_at(c.rules, c.cutoffs, l.category_id, l.target_id, l.ts) as mask offset 0) m
    where tmidb.shown_at(c.rules, c.cutoffs, l.category_id, l.target_id, l.ts)
  )
  select s.name, s.key,
    '"category":' || to_json(s.name) || ',"version":"' || v.major || '.' || v.minor || '","target":' || to_json(s.key)
      || ',"ts":"' || to_char(s.ts at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') || '","data":' || s.data || '}'
  from shown s
  join tmidb.schema_version v on v.version_id = s.version_id
  order by s.key, s.name;
end $$;

comment on function tmidb.last_values(bigint, text, text[]) is
  'The newest reading of each target in each category that a permission class may see, cut to its fields; null category or targets: all.';
revoke all on function tmidb.last_values(bigint, text, text[]) from public;
grant execute on function tmidb.last_values(bigint, text, text[]) to tmidb_api;
