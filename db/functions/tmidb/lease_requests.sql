-- SPDX-License-Identifier: MIT
-- after: take_from_limits
-- A process takes requests of the running minute in advance, a fiftieth of the limit at a time, and counts them down by itself: the
-- processes together never exceed the limit, and what lies unused in another one is 2 % of it.
create or replace function tmidb.lease_requests(p_scopes text[], p_endpoints text[], p_subjects text[], p_at timestamptz default null)
returns table (n int, per_minute int, granted int, taken int, ms_left float8)
language sql volatile security definer set search_path = pg_catalog, pg_temp set lock_timeout = '500ms'
as $$
  with asked as (
    select a.n::int, concat_ws(' ', a.scope, a.endpoint, a.subject) as key, coalesce(one.per_minute, every.per_minute, 0) as per_minute
    from unnest(p_scopes, p_endpoints, p_subjects) with ordinality a(scope, endpoint, subject, n)
    left join tmidb.rate_limit one on one.scope = a.scope and one.endpoint = a.endpoint and one.subject = a.subject
    left join tmidb.rate_limit every on every.scope = a.scope and every.endpoint = a.endpoint and every.subject is null
  ), taken as (
    select t.* from (
      select array_agg(key) as keys, array_agg(per_minute) as allowed,
        array_agg(ceil(per_minute / 50.0)::int) as wanted
      from asked where per_minute > 0) l
    cross join lateral tmidb.take_from_limits(l.keys, l.allowed, l.wanted, '1 minute', p_at) t
    where l.keys is not null
  )
  select a.n, a.per_minute, coalesce(t.granted, 0), coalesce(t.taken, 0),
    coalesce(1000 * extract(epoch from t.ends_at - coalesce(p_at, clock_timestamp())), 60000)::float8
  from asked a left join taken t using (key)
$$;

comment on function tmidb.lease_requests(text[], text[], text[], timestamptz) is
  'For the n-th of scopes, endpoints and subjects: its limit (0: none), how many requests the caller may let through, how many are taken by all, and the milliseconds until the minute ends.';
revoke all on function tmidb.lease_requests(text[], text[], text[], timestamptz) from public;
grant execute on function tmidb.lease_requests(text[], text[], text[], timestamptz) to tmidb_api, tmidb_edge;
