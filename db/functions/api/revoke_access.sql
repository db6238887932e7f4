-- SPDX-License-Identifier: MIT
-- The API's way to tmidb.revoke_access, with the rights of who calls.
create or replace function api.revoke_access("grant" bigint) returns void
language sql volatile set search_path = pg_catalog, pg_temp
as $$ select tmidb.revoke_access(revoke_access."grant") $$;

comment on function api.revoke_access(bigint) is E'@param grant Number of the grant.\nTakes a grant back. TM107: there is none of this number.';
revoke all on function api.revoke_access(bigint) from public;
grant execute on function api.revoke_access(bigint) to tmidb_admin;
