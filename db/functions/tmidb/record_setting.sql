-- SPDX-License-Identifier: MIT
-- after: record_audit, identity
-- Who said what of a category or field.
create or replace function tmidb.record_setting(p_kind text, p_detail jsonb) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$ select tmidb.record_audit(p_kind, coalesce(tmidb.identity()->>'name', session_user), p_detail) $$;

comment on function tmidb.record_setting(text, jsonb) is 'Adds an audit row in the name of the one who asks.';
revoke all on function tmidb.record_setting(text, jsonb) from public;
