-- SPDX-License-Identifier: MIT
-- after: request_timeout
-- Whose token this is, and what it is held to: may_create says that it writes whatever it likes and need not be asked for. The doors keep the answer until the channel access is notified.
create or replace function tmidb.authenticate(p_hash bytea)
returns table (token_id bigint, kind text, name text, speaker_id bigint, listener_id bigint, target text, may_create boolean,
  expires_at timestamptz, may_introspect boolean, only_documents boolean, timeout_ms int)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
  update tmidb.token t set used_at = now()
  where t.hash = p_hash and (t.used_at is null or t.used_at < now() - interval '1 minute');
  return query
    select t.token_id, t.kind, coalesce(s.name, l.name), t.speaker_id, t.listener_id, g.key, coalesce(s.may_create and not s.is_restricted, false), t.expires_at,
      coalesce(l.may_introspect, false), coalesce(l.only_documents, false) or i.only_documents,
      tmidb.request_timeout('tmidb_' || t.kind)
    from tmidb.token t
    cross join tmidb.instance i
    left join tmidb.speaker s on s.speaker_id = t.speaker_id
    left join tmidb.listener l on l.listener_id = t.listener_id
    left join tmidb.target g on g.target_id = s.target_id
    where t.hash = p_hash and t.revoked_at is null and (t.expires_at is null or t.expires_at > now());
end $$;

comment on function tmidb.authenticate(bytea) is 'Who holds the token with this sha-256, and its limits: no row if it is unknown, expired or revoked.';
revoke all on function tmidb.authenticate(bytea) from public;
grant execute on function tmidb.authenticate(bytea) to tmidb_edge, tmidb_api;
