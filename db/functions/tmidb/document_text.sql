-- SPDX-License-Identifier: MIT
-- The text behind a hash, for the API.
create or replace function tmidb.document_text(p_hash bytea) returns text
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$ select body from tmidb.document where hash = p_hash $$;

comment on function tmidb.document_text(bytea) is 'Text of the registered GraphQL document with this sha-256; null if there is none.';
revoke all on function tmidb.document_text(bytea) from public;
grant execute on function tmidb.document_text(bytea) to tmidb_api;
