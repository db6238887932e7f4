-- SPDX-License-Identifier: MIT
-- after: account_claims
-- Whose session this is, in the columns of tmidb.authenticate. A door keeps the answer for a minute at most: only what is asked here
-- counts as a use.
create or replace function tmidb.authenticate_session(p_hash bytea)
returns table (token_id bigint, kind text, name text, claims jsonb, target text, may_create boolean, expires_at timestamptz,
  may_introspect boolean, only_documents boolean, allow_from text[])
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  s tmidb.session;
  v_idle interval;
begin
  select x.* into s from tmidb.session x where x.hash = p_hash and x.expires_at > now();
  if not found then return; end if;
  -- A program is bound by its refresh secret.
  if s.refresh_hash is null then
    select i.session_idle into v_idle from tmidb.instance i;
    if s.seen_at + v_idle <= now() then
      delete from tmidb.session x where x.session_id = s.session_id;
      return;
    end if;
  end if;
  if s.seen_at < now() - interval '1 minute' then
    update tmidb.session x set seen_at = now() where x.session_id = s.session_id;
    s.seen_at := now();
  end if;
  return query
    select null::bigint, 'session', c.claims->>'name', c.claims || jsonb_build_object('session_id', s.session_id::text), null::text,
      -- Of everybody else each target is asked for.
      c.claims->>'role' in ('tmidb_admin', 'tmidb_editor'),
      least(s.expires_at, s.seen_at + v_idle), true, false, null::text[]
    from tmidb.account_claims(s.account_id) as c(claims) where c.claims is not null;
end $$;
comment on function tmidb.authenticate_session(bytea) is
  'Whose session has the secret with this sha-256, and the claims of its requests: no row if it is unknown, over or was unused for too long.';
revoke all on function tmidb.authenticate_session(bytea) from public;
grant execute on function tmidb.authenticate_session(bytea) to tmidb_edge, tmidb_api;
