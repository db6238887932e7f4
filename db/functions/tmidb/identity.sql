-- SPDX-License-Identifier: MIT
-- Who is asking. The API's login says it in the claims of the transaction; everybody else is the role that logged in, because
-- anyone who can run SQL can set a claim. An administrator who set tmidb.view_as is whom it names, and its transaction writes nothing from
-- here on.
create or replace function tmidb.identity() returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_claims text;
  v jsonb;
begin
  if session_user = 'tmidb_api' then
    v_claims := nullif(current_setting('tmidb.claims', true), '');
    return coalesce(v_claims::jsonb, '{"role": "tmidb_anonymous"}');
  end if;
  select jsonb_build_object('role', 'tmidb_listener', 'listener_id', l.listener_id, 'name', l.name) into v
  from tmidb.listener l where l.role_name = session_user;
  if v is not null then return v; end if;
  select jsonb_build_object('role', 'tmidb_speaker', 'speaker_id', s.speaker_id, 'name', s.name) into v
  from tmidb.speaker s where s.role_name = session_user;
  if v is not null then return v; end if;
  -- Whose account is disabled is nobody, also in a connection that was open before.
  select jsonb_strip_nulls(jsonb_build_object('role', case when a.disabled_at is null then r.request_role else 'tmidb_anonymous' end,
    'account_id', case when a.disabled_at is null then a.account_id end, 'speaker_id', case when a.disabled_at is null then a.speaker_id end,
    'name', a.login)) into v
  from tmidb.account a join tmidb.access_role r using (role_id) where a.role_name = session_user;
  v := coalesce(v, jsonb_build_object('name', session_user, 'role', case
    when pg_has_role(session_user, 'tmidb_admin', 'member') then 'tmidb_admin'
    when pg_has_role(session_user, 'tmidb_editor', 'member') then 'tmidb_editor'
    when pg_has_role(session_user, 'tmidb_viewer', 'member') then 'tmidb_viewer'
    else 'tmidb_anonymous' end));
  if v->>'role' = 'tmidb_admin' and current_setting('tmidb.view_as', true) <> '' then
    perform set_config('transaction_read_only', 'on', true);
    return tmidb.viewed(current_setting('tmidb.view_as'));
  end if;
  return v;
end $$;

comment on function tmidb.identity() is 'Who is asking: {"role", "name", "listener_id", "speaker_id" or "account_id"}.';
revoke all on function tmidb.identity() from public;
grant execute on function tmidb.identity() to tmidb_views, tmidb_anonymous, tmidb_speaker, tmidb_listener, tmidb_viewer,
  tmidb_editor, tmidb_admin;
