-- SPDX-License-Identifier: MIT
-- after: identity
-- The one way into the audit. Who, from where and in which request: as the caller says (a door, of somebody it refused), else as the
-- request says that runs this, else as the connection of somebody who came with psql.
create or replace function tmidb.record_audit(p_kind text, p_actor text default null, p_detail jsonb default null, p_resource text default null,
  p_before jsonb default null, p_after jsonb default null, p_via jsonb default null) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
  insert into tmidb.audit (kind, actor, role, resource, detail, before, after, address, agent, request_id)
  select p_kind, left(coalesce(p_actor, who.i->>'name', session_user), 300),
    left(coalesce(p_via->>'role', case when p_actor is null or p_actor = who.i->>'name' then who.i->>'role' end), 63),
    left(p_resource, 600), coalesce(p_detail, '{}'), p_before, p_after,
    case when via.v is not null then nullif(regexp_replace(via.v->>'address', '^::ffff:(?=\d+\.)|%.*$', '', 'g'), '')::inet
         when is_person then inet_client_addr() end,
    left(coalesce(via.v->>'agent', case when is_person then nullif(current_setting('application_name'), '') end), 300),
    left(via.v->>'request', 100)
  from (select tmidb.identity() as i) who
  cross join lateral (select coalesce(p_via, who.i->'via') as v) via
  cross join (select session_user not in ('tmidb_api', 'tmidb_edge', 'tmidb_drain', 'tmidb_worker') as is_person) s
$$;

comment on function tmidb.record_audit(text, text, jsonb, text, jsonb, jsonb, jsonb) is
  'Adds an audit row: kind (tmidb.audit_kind), actor (null: who asks), detail, resource, before, after, and of somebody else than who asks {"address", "agent", "request", "role"}.';
revoke all on function tmidb.record_audit(text, text, jsonb, text, jsonb, jsonb, jsonb) from public;
grant execute on function tmidb.record_audit(text, text, jsonb, text, jsonb, jsonb, jsonb) to tmidb_edge, tmidb_api;
