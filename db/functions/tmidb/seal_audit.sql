-- SPDX-License-Identifier: MIT
-- after: audit_text, tg_audit__guard
-- Gives the audit rows that others have committed their places in the chain, beside whoever wrote them: a lock that a writer takes is
-- held as long as it likes to keep its transaction open, and everybody who writes the audit would wait (docs/decisions/0034-audit.md).
-- Who seals waits for who seals, by the row of audit_head; what comes after that lock sees all that the one before has sealed. A row
-- that commits late is sealed late: places are in the order of sealing, within a call in that of audit_id.
create or replace function tmidb.seal_audit(p_limit integer default 10000) returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set lock_timeout = '2s' set enable_seqscan = off
as $$
declare
  v_head tmidb.audit_head;
  v_row tmidb.audit;
  v_ids bigint[] := '{}';
  v_hashes bytea[] := '{}';
begin
  if not exists (select from tmidb.audit where seq is null) then return 0; end if;
  select * into v_head from tmidb.audit_head for update;
  for v_row in select * from tmidb.audit where seq is null order by audit_id limit p_limit loop
    v_ids := v_ids || v_row.audit_id;
    v_row.seq := v_head.seq + cardinality(v_ids);
    v_head.hash := sha256(v_head.hash || convert_to(tmidb.audit_text(v_row), 'UTF8'));
    v_hashes := v_hashes || v_head.hash;
  end loop;
  if v_ids = '{}' then return 0; end if;
  -- In one statement: row by row takes three times as long.
  update tmidb.audit a set seq = v_head.seq + u.place, hash = u.hash
  from unnest(v_ids, v_hashes) with ordinality as u(audit_id, hash, place) where a.audit_id = u.audit_id;
  update tmidb.audit_head set seq = v_head.seq + cardinality(v_ids), hash = v_head.hash;
  return cardinality(v_ids);
end $$;

comment on function tmidb.seal_audit(integer) is
  'Links the audit rows that are not in the chain yet, p_limit at most (null: all); returns how many. To be called in a transaction of its own. 55P03: another has been sealing for 2 s.';
revoke all on function tmidb.seal_audit(integer) from public;
-- Of the logins only the drain's, whose transactions end: who may call it could keep the others from sealing.
grant execute on function tmidb.seal_audit(integer) to tmidb_drain;
