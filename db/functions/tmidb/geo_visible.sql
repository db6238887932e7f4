-- SPDX-License-Identifier: MIT
-- after: geo_rights
-- The traces that the one who asks may see, one row a target and category: what each of them is looked up by in the key of geo_trace.
-- Where young positions only may be seen, "since" says for each source from when on, and "low" is the earliest of them.
create or replace function tmidb.geo_visible(p_category text default null, p_targets text[] default null)
returns table (target_id uuid, target text, category_id smallint, category text, sources smallint[], since timestamptz[], low timestamptz)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  with mine as materialized (select * from tmidb.geo_rights(p_category)),
  asked as (select t.target_id, t.key from tmidb.target t where p_targets is null or t.key = any(p_targets)),
  whole as (
    select category_id, array_agg(source_id) as sources, array_agg(since) as since, min(since) as low, max(since) as high
    from mine where target_id is null group by 1
  ), single as (
    select target_id, category_id, array_agg(source_id) as sources, array_agg(since) as since, min(since) as low, max(since) as high
    from mine where target_id is not null group by 1, 2
  )
  -- What is said of the one target comes first: of two times for a source the first counts.
  select a.target_id, a.key, c.category_id, c.name, s.sources || w.sources,
    case when greatest(s.high, w.high) > '-infinity' then s.since || w.since end, least(s.low, w.low)
  from asked a cross join whole w join tmidb.category c on c.category_id = w.category_id
  left join single s on s.target_id = a.target_id and s.category_id = w.category_id
  union all
  select a.target_id, a.key, c.category_id, c.name, s.sources, case when s.high > '-infinity' then s.since end, s.low
  from single s join asked a on a.target_id = s.target_id join tmidb.category c on c.category_id = s.category_id
  where not exists (select from whole w where w.category_id = s.category_id)
$$;

comment on function tmidb.geo_visible(text, text[]) is
  'Targets and categories whose places the one who asks may see, with the sources that count; since: from when on each, null: all.';
revoke all on function tmidb.geo_visible(text, text[]) from public;
