-- SPDX-License-Identifier: MIT
-- What of an audit row its hash is of: all of it but the hash, in one way to write it. Nothing here may depend on a setting, and it may
-- never change: whoever checks the chain writes each row again. A new column of the audit comes into the array only where it is not null.
create or replace function tmidb.audit_text(a tmidb.audit) returns text
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_array(a.seq, a.audit_id, (extract(epoch from a.at) * 1000000)::bigint, a.kind, a.actor, a.role, a.resource,
    a.detail, a.before, a.after, a.address::text, a.agent, a.request_id)::text
$$;

comment on function tmidb.audit_text(tmidb.audit) is
  'An audit row as its hash sees it: [seq, audit_id, microseconds since 1970, kind, actor, role, resource, detail, before, after, address, agent, request_id].';
revoke all on function tmidb.audit_text(tmidb.audit) from public;
grant execute on function tmidb.audit_text(tmidb.audit) to tmidb_admin;
