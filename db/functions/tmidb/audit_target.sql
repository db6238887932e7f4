-- SPDX-License-Identifier: MIT
-- after: record_audit
-- A target that was made by hand. Readings make targets by the thousand, which is no administrator's doing, so no trigger can tell.
create or replace function tmidb.audit_target(p_target_id uuid) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
  select tmidb.record_audit('target.created', p_resource => 'target:' || t.key, p_detail => jsonb_build_object('target', t.key), p_after => to_jsonb(t))
  from tmidb.target t where t.target_id = p_target_id
$$;

comment on function tmidb.audit_target(uuid) is 'Adds an audit row for a target that was just made by hand.';
revoke all on function tmidb.audit_target(uuid) from public;
