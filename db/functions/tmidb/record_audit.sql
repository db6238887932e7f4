-- SPDX-License-Identifier: MIT
-- A door writes down what it refused or ended.
create or replace function tmidb.record_audit(p_kind text, p_actor text, p_detail jsonb) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$ insert into tmidb.audit (kind, actor, detail) values (p_kind, p_actor, coalesce(p_detail, '{}')) $$;

comment on function tmidb.record_audit(text, text, jsonb) is 'Adds an audit row.';
revoke all on function tmidb.record_audit(text, text, jsonb) from public;
grant execute on function tmidb.record_audit(text, text, jsonb) to tmidb_edge, tmidb_api;
