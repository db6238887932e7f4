-- SPDX-License-Identifier: MIT
-- The newest events first, by what the indexes begin with; a kind that ends on a dot means all of its thing.
create or replace function tmidb.audit_rows(p_kind text default null, p_actor text default null, p_resource text default null,
  p_since timestamptz default null, p_limit integer default 50)
returns table (seq text, at text, kind text, actor text, role text, resource text, detail jsonb, before jsonb, after jsonb, address text,
  agent text, request_id text)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select a.seq::text, to_char(a.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), a.kind, a.actor, a.role, a.resource, a.detail,
    a.before, a.after, host(a.address), a.agent, a.request_id
  from tmidb.audit a
  where (p_kind is null or a.kind = p_kind or (p_kind like '%.' and starts_with(a.kind, p_kind)))
    and (p_actor is null or a.actor = p_actor) and (p_resource is null or a.resource = p_resource)
    and (p_since is null or a.at >= p_since)
  order by a.audit_id desc limit p_limit
$$;

comment on function tmidb.audit_rows(text, text, text, timestamptz, integer) is
  'Events of the audit, newest first: of a kind (token.revoked, or token. for all of tokens), an actor, a resource (listener:A), since a time.';
revoke all on function tmidb.audit_rows(text, text, text, timestamptz, integer) from public;
grant execute on function tmidb.audit_rows(text, text, text, timestamptz, integer) to tmidb_admin;
