-- SPDX-License-Identifier: MIT
-- How long, in the largest unit that says it whole: 24 hours, 7 days, 90 minutes.
create or replace function tmidb.interval_words(p_interval interval) returns text
language sql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
  select s / u || ' ' || w || case when s / u <> 1 then 's' else '' end
  from (select extract(epoch from p_interval)::bigint as s) x,
    lateral (select u, w from (values (86400, 'day', 172800), (3600, 'hour', 3600), (60, 'minute', 60), (1, 'second', 0)) v(u, w, least)
      where s % u = 0 and s >= least order by u desc limit 1) y
$$;
comment on function tmidb.interval_words(interval) is 'A span of time in words.';
revoke all on function tmidb.interval_words(interval) from public;
