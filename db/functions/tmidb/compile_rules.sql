-- SPDX-License-Identifier: MIT
-- after: is_in_group
-- What grants to read come to with the targets that there are: one object in which policies, views and functions look keys up; see
-- tmidb.permission_class.rules. A time window makes an age class: readings younger than the n-th window have their own keys "<n>:…", which
-- hold everything that is shown at that age, so that one look-up is enough at any age. With p_targets only the keys of these targets, to
-- be added to what is known: a group that grows does not cost what it holds.
create or replace function tmidb.compile_rules(p_grants jsonb, p_targets uuid[] default null) returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  with said as materialized (
    select x.c, x.t, x.g, x.w, case when x.f is null then '{"*": 1}' else (select coalesce(jsonb_object_agg(f, 1), '{}') from unnest(x.f) f) end as mask
    from jsonb_to_recordset(p_grants) as x(c smallint, t uuid, g integer, f text[], w bigint)
  ), member as materialized (
    select g.group_id, t.target_id
    from tmidb.target_group g
    join tmidb.target t on p_targets is null or t.target_id = any(p_targets)
    where g.group_id in (select s.g from said s)
      and tmidb.is_in_group(g.path, t.key, t.name, t.meta)
  ), single as (
    select coalesce(s.c::text, '*') as category, coalesce(s.t::text, '*') as target, s.w, s.mask
    from said s where s.g is null and (p_targets is null or s.t = any(p_targets))
    union all
    select coalesce(s.c::text, '*'), m.target_id::text, s.w, s.mask from said s join member m on m.group_id = s.g
  ), window_ as materialized (
    select w, row_number() over (order by w desc) as n from (select distinct w from said where w is not null) d
  ), age as (
    select null::bigint as w, '' as prefix union all select w, n || ':' from window_
  ), keyed as (
    select a.prefix || s.category || '/' || s.target as key, s.mask from single s join age a on s.w is null or s.w >= a.w
    union all select 'c/' || coalesce(s.c::text, '*'), s.mask from said s
  ), summed as (
    select k.key, jsonb_object_agg(f.field, 1) filter (where f.field is not null) as mask
    from keyed k left join lateral jsonb_object_keys(k.mask) f(field) on true group by k.key
  )
  select coalesce((select jsonb_object_agg(key, coalesce(mask, '{}')) from summed), '{}')
    || coalesce((select jsonb_object_agg(distinct 't/' || s.target, 1) from single s), '{}')
    || coalesce((select jsonb_build_object('w', jsonb_agg(w order by w desc)) from window_ having count(*) > 0), '{}')
$$;
comment on function tmidb.compile_rules(jsonb, uuid[]) is 'The rules that grants come to, of all targets or of these.';
revoke all on function tmidb.compile_rules(jsonb, uuid[]) from public;
