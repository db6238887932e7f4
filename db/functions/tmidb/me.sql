-- SPDX-License-Identifier: MIT
-- after: identity
-- Who asks, and what they may. A token that is narrower than its owner may less.
create or replace function tmidb.me() returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  with w as (select tmidb.identity() as who),
  granted as (
    select g.* from w
    left join tmidb.account a on a.account_id = (w.who->>'account_id')::bigint
    join tmidb.access_grant g on g.account_id = a.account_id or g.role_id = a.role_id
      or g.listener_id = (w.who->>'listener_id')::bigint or a.account_id is null and g.speaker_id = (w.who->>'speaker_id')::bigint)
  select jsonb_strip_nulls(jsonb_build_object(
    'kind', case when w.who ? 'account_id' then 'user' when w.who ? 'listener_id' then 'listener' when w.who ? 'speaker_id' then 'speaker' else 'login' end,
    'name', w.who->>'name', 'email', a.email, 'display_name', a.display_name,
    'role', case when a.account_id is null then substr(w.who->>'role', 7) else r.name end,
    'request_role', w.who->>'role', 'session_id', w.who->>'session_id'))
    || jsonb_build_object('may', case w.who->>'role'
      when 'tmidb_admin' then '["read", "write", "command", "admin"]'
      when 'tmidb_editor' then '["read", "write", "command"]'
      when 'tmidb_viewer' then '["read"]'
      when 'tmidb_listener' then '["read"]'
      when 'tmidb_speaker' then '["write"]'
      else coalesce((select jsonb_agg(distinct x) from granted g, unnest(g.actions) x), '[]') end)
    || case when w.who->>'role' in ('tmidb_listener', 'tmidb_member', 'tmidb_speaker') then jsonb_build_object('grants', coalesce((
      select jsonb_agg(jsonb_strip_nulls(jsonb_build_object('actions', g.actions, 'category', c.name, 'target', t.key, 'group', p.name, 'fields', g.fields,
        'window', g.time_window)) order by g.grant_id)
      from granted g left join tmidb.category c using (category_id) left join tmidb.target t using (target_id)
      left join tmidb.target_group p using (group_id)), '[]')) else '{}' end
  from w
  left join tmidb.account a on a.account_id = (w.who->>'account_id')::bigint
  left join tmidb.access_role r using (role_id)
$$;
comment on function tmidb.me() is
  'Who asks: {"kind", "name", "email", "display_name", "role", "request_role", "session_id", "may": [actions], "grants": [...] of whom grants bind}.';
revoke all on function tmidb.me() from public;
grant execute on function tmidb.me() to tmidb_speaker, tmidb_listener, tmidb_viewer, tmidb_editor, tmidb_admin;
