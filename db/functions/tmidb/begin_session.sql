-- SPDX-License-Identifier: MIT
-- after: token_text, record_audit, channel, account_claims
-- A new session for whoever knew the password of this hash: a browser's secret is as good as the session, a program's for a quarter of
-- an hour, and then it fetches the next one with its refresh secret. Both are told once.
create or replace function tmidb.begin_session(p_account_id bigint, p_password_hash text, p_is_program boolean, p_via jsonb,
  p_replaced bytea default null)
returns table (session_id bigint, secret text, refresh_secret text, expires_at timestamptz, ends_at timestamptz)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_login text;
  v_ends timestamptz;
begin
  delete from tmidb.session s where s.ends_at < now();
  -- Locked, so that a session does not begin beside what ends them all.
  select a.login into v_login from tmidb.account a
  where a.account_id = p_account_id and a.password_hash = p_password_hash and a.disabled_at is null and not a.must_change_password for share;
  if not found then return; end if;
  delete from tmidb.session s where s.hash = p_replaced;
  if found then perform pg_notify(tmidb.channel('access'), 'session'); end if;
  select now() + i.session_lifetime into v_ends from tmidb.instance i;
  secret := tmidb.token_text('session');
  refresh_secret := case when p_is_program then tmidb.token_text('refresh') end;
  insert into tmidb.session as s (account_id, hash, refresh_hash, expires_at, ends_at, address, agent)
  values (p_account_id, sha256(convert_to(secret, 'UTF8')), sha256(convert_to(refresh_secret, 'UTF8')),
    case when p_is_program then least(v_ends, now() + interval '15 minutes') else v_ends end, v_ends, left(p_via->>'address', 100), left(p_via->>'agent', 300))
  returning s.session_id, s.expires_at, s.ends_at into session_id, expires_at, ends_at;
  perform set_config('tmidb.claims', (tmidb.account_claims(p_account_id) || jsonb_build_object('via', p_via))::text, true);
  perform tmidb.record_audit('session.begun', p_resource => 'user:' || v_login,
    p_detail => jsonb_build_object('session_id', session_id, 'is_program', p_is_program));
  return next;
end $$;
comment on function tmidb.begin_session(bigint, text, boolean, jsonb, bytea) is
  'A new session of an account whose password hash is still this one, from {"address", "agent", "request"}: its secrets, shown once, and when they end; the session that was shown (its sha-256) ends. No row if the account changed.';
revoke all on function tmidb.begin_session(bigint, text, boolean, jsonb, bytea) from public;
grant execute on function tmidb.begin_session(bigint, text, boolean, jsonb, bytea) to tmidb_api;
