-- SPDX-License-Identifier: MIT
-- after: grant_words
-- All grants with names instead of numbers, for administrators.
create or replace function tmidb.access_grants()
returns table (grant_id bigint, holder text, actions text[], category text, target text, target_group text, fields text[], time_window interval,
  words text, created_at timestamptz)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select g.grant_id, coalesce('listener:' || l.name, 'user:' || a.login, 'role:' || r.name, 'speaker:' || s.name), g.actions, c.name, t.key,
    o.name, g.fields, g.time_window, tmidb.grant_words(g), g.created_at
  from tmidb.access_grant g
  left join tmidb.listener l using (listener_id)
  left join tmidb.account a using (account_id)
  left join tmidb.access_role r on r.role_id = g.role_id
  left join tmidb.speaker s on s.speaker_id = g.speaker_id
  left join tmidb.category c using (category_id)
  left join tmidb.target t on t.target_id = g.target_id
  left join tmidb.target_group o using (group_id)
$$;
comment on function tmidb.access_grants() is 'All grants, with names.';
revoke all on function tmidb.access_grants() from public;
grant execute on function tmidb.access_grants() to tmidb_admin;
