-- SPDX-License-Identifier: MIT
-- after: request_timeout, scoped_role, account_speaker, with_reach
-- Whose token this is, as what its requests run, and what it is held to: the claims are ready to be told to a transaction. The doors
-- keep the answer until the channel access is notified, and count the uses themselves (note_uses). Who may_create writes whatever it
-- likes; of the others each target is asked for (refused_targets).
create or replace function tmidb.authenticate(p_hash bytea)
returns table (token_id bigint, kind text, name text, claims jsonb, target text, may_create boolean, expires_at timestamptz,
  may_introspect boolean, only_documents boolean, allow_from text[])
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  t tmidb.token;
  a record;
  v_role text;
begin
  select * into t from tmidb.token x
  where x.hash = p_hash and x.revoked_at is null and (x.expires_at is null or x.expires_at > now());
  if not found then return; end if;
  select x.account_id, x.login, x.speaker_id, r.request_role into a
  from tmidb.account x join tmidb.access_role r using (role_id) where x.account_id = t.account_id and x.disabled_at is null;
  if t.account_id is not null and a.account_id is null then return; end if;
  v_role := tmidb.scoped_role(coalesce(a.request_role::text, 'tmidb_' || t.kind), t.scopes);
  if v_role is null then return; end if;
  -- A person writes as a speaker of their own.
  if a.account_id is not null then
    a.speaker_id := case when v_role not in ('tmidb_viewer', 'tmidb_listener') then tmidb.account_speaker(a.account_id) end;
  end if;
  return query
    select t.token_id, t.kind, coalesce(a.login, s.name, l.name),
      tmidb.with_reach(jsonb_strip_nulls(jsonb_build_object('role', v_role, 'name', coalesce(a.login, s.name, l.name), 'listener_id', t.listener_id::text,
        'account_id', t.account_id::text, 'speaker_id', coalesce(t.speaker_id, a.speaker_id)::text, 'token_id', t.token_id::text,
        'timeout_ms', tmidb.request_timeout(v_role)))),
      g.key, coalesce(s.may_create and (not s.is_restricted or a.request_role in ('tmidb_admin', 'tmidb_editor')), false), t.expires_at, coalesce(l.may_introspect, t.account_id is not null),
      t.account_id is null and (coalesce(l.only_documents, false) or i.only_documents), t.allow_from::text[]
    from tmidb.instance i
    left join tmidb.speaker s on s.speaker_id = coalesce(t.speaker_id, a.speaker_id)
    left join tmidb.listener l on l.listener_id = t.listener_id
    left join tmidb.target g on g.target_id = s.target_id;
end $$;

comment on function tmidb.authenticate(bytea) is
  'Who holds the token with this sha-256, the claims of its requests, and its limits: no row if it is unknown, expired or revoked, if its owner is disabled or if its owner has nothing left of its scopes.';
revoke all on function tmidb.authenticate(bytea) from public;
grant execute on function tmidb.authenticate(bytea) to tmidb_edge, tmidb_api;
