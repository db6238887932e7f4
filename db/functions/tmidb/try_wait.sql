-- SPDX-License-Identifier: MIT
-- How long to wait for the next of so many tries in any quarter of an hour; null: not at all. It only looks, so a flood writes nothing.
create or replace function tmidb.try_wait(p_key text, p_most integer) returns interval
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select t.at + interval '15 minutes' - now()
  from tmidb.sign_in_try s, unnest(s.tries) as t(at)
  where s.key = p_key and t.at > now() - interval '15 minutes'
  order by t.at desc offset p_most - 1 limit 1
$$;
comment on function tmidb.try_wait(text, integer) is 'How long until another try of so many in 15 minutes is allowed; null: now.';
revoke all on function tmidb.try_wait(text, integer) from public;
