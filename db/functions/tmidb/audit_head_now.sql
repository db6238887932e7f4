-- SPDX-License-Identifier: MIT
-- The end of the chain as one word, to be written down where nobody who can change the database can change it.
create or replace function tmidb.audit_head_now() returns text
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$ select seq || ':' || encode(hash, 'hex') from tmidb.audit_head $$;

comment on function tmidb.audit_head_now() is 'The end of the audit''s chain, <place>:<sha-256 in hex>; 0: when there is none yet.';
revoke all on function tmidb.audit_head_now() from public;
grant execute on function tmidb.audit_head_now() to tmidb_drain, tmidb_admin;
