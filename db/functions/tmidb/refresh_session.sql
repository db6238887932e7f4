-- SPDX-License-Identifier: MIT
-- after: token_text, record_audit, channel
-- The next secrets of a program. Each refresh secret serves once: who shows a spent one has copied it, or was copied, and nobody can
-- tell which, so the session ends.
create or replace function tmidb.refresh_session(p_hash bytea, p_via jsonb)
returns table (session_id bigint, secret text, refresh_secret text, expires_at timestamptz, ends_at timestamptz)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_spent bigint;
  v_login text;
begin
  secret := tmidb.token_text('session');
  refresh_secret := tmidb.token_text('refresh');
  update tmidb.session s set hash = sha256(convert_to(secret, 'UTF8')), refresh_hash = sha256(convert_to(refresh_secret, 'UTF8')),
    seen_at = now(), expires_at = least(s.ends_at, now() + interval '15 minutes')
  where s.refresh_hash = p_hash and s.ends_at > now()
  returning s.session_id, s.expires_at, s.ends_at into session_id, expires_at, ends_at;
  if found then
    insert into tmidb.spent_refresh (hash, session_id) values (p_hash, refresh_session.session_id);
    perform pg_notify(tmidb.channel('access'), 'session ' || session_id);
    return next;
    return;
  end if;
  select r.session_id into v_spent from tmidb.spent_refresh r where r.hash = p_hash;
  if not found then return; end if;
  select a.login into v_login from tmidb.session s join tmidb.account a using (account_id) where s.session_id = v_spent;
  delete from tmidb.session s where s.session_id = v_spent;
  if found then
    perform tmidb.record_audit('refresh.reused', v_login, jsonb_build_object('session_id', v_spent), 'user:' || v_login, p_via => p_via);
    perform pg_notify(tmidb.channel('access'), 'session ' || v_spent);
  end if;
end $$;
comment on function tmidb.refresh_session(bytea, jsonb) is
  'The next secrets of the session with this refresh secret (its sha-256), shown once; no row if it is over. A spent one ends its session.';
revoke all on function tmidb.refresh_session(bytea, jsonb) from public;
grant execute on function tmidb.refresh_session(bytea, jsonb) to tmidb_api;
