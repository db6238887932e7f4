-- SPDX-License-Identifier: MIT
-- after: seal_audit
-- The end of the chain as one word, to be written down where nobody who can change the database can change it. It is the end of all that
-- is committed: what is not sealed yet is sealed first.
create or replace function tmidb.audit_head_now() returns text
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
  perform tmidb.seal_audit(null);
  return (select seq || ':' || encode(hash, 'hex') from tmidb.audit_head);
end $$;

comment on function tmidb.audit_head_now() is
  'Seals the audit and tells the end of its chain, <place>:<sha-256 in hex>; 0: when there is none yet. 55P03: another has been sealing for 2 s.';
revoke all on function tmidb.audit_head_now() from public;
grant execute on function tmidb.audit_head_now() to tmidb_drain;
