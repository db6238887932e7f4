-- SPDX-License-Identifier: MIT
-- after: audit_check, seal_audit
-- Seals what is committed, then checks all of it. An administrator who keeps the transaction open afterwards keeps others from sealing, if
-- there was something to seal, and nobody from writing. Where another does that, or in a snapshot from before the last sealing, only what
-- is sealed is checked; "unsealed" tells how much is not.
create or replace function tmidb.audit_verify(p_known_seq bigint default null, p_known_hash text default null)
returns table (checked bigint, head_seq bigint, head_hash text, broken_seq bigint, why text, unsealed bigint)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
  begin
    if not current_setting('transaction_read_only')::boolean then perform tmidb.seal_audit(null); end if;
  exception when lock_not_available or serialization_failure then null;
  end;
  return query select * from tmidb.audit_check(p_known_seq, p_known_hash);
end $$;

comment on function tmidb.audit_verify(bigint, text) is
  'Seals the audit and checks the whole chain: rows checked, its end (write it down elsewhere), the first place that is broken and why (null: none), and how many rows could not be sealed. With a place and hash (hex) written down earlier it also finds a chain that was cut or made anew.';
revoke all on function tmidb.audit_verify(bigint, text) from public;
grant execute on function tmidb.audit_verify(bigint, text) to tmidb_admin;
