-- SPDX-License-Identifier: MIT
-- after: audit_text, tg_audit__guard
-- Gives the audit rows of a transaction their places in the chain as it commits: until then nobody waits for anybody, and what is rolled
-- back leaves no gap. The row of audit_head is the lock, from here to the end of the commit (docs/decisions/0034-audit.md has what that
-- costs). An advisory lock would be anybody's who has SQL: holding it would hold up every administrator. The first row of a transaction
-- takes all of them along: the head changed for each of 10,000 rows is 10,000 versions of one row, and took 50 times as long.
create or replace function tmidb.tg_audit__chain() returns trigger
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_head tmidb.audit_head;
  v_row tmidb.audit;
begin
  if exists (select from tmidb.audit a where a.audit_id = NEW.audit_id and a.seq is not null) then return null; end if;
  -- In a transaction whose snapshot is older than the head this is 40001: it is to be tried again.
  select * into v_head from tmidb.audit_head for update;
  -- What others have committed has its place: without one are only this transaction's own.
  for v_row in select * from tmidb.audit a where a.seq is null and a.audit_id >= NEW.audit_id order by a.audit_id loop
    v_head.seq := v_head.seq + 1;
    v_row.seq := v_head.seq;
    v_head.hash := sha256(v_head.hash || convert_to(tmidb.audit_text(v_row), 'UTF8'));
    update tmidb.audit a set seq = v_head.seq, hash = v_head.hash where a.audit_id = v_row.audit_id;
  end loop;
  update tmidb.audit_head set seq = v_head.seq, hash = v_head.hash;
  return null;
end $$;

comment on function tmidb.tg_audit__chain() is 'Links the audit rows of a transaction to the ones before, at commit.';
revoke all on function tmidb.tg_audit__chain() from public;

-- What was written before there was a chain joins it, oldest first.
do $$
declare
  v_head tmidb.audit_head;
  v_row tmidb.audit;
begin
  if exists (select from pg_trigger where tgrelid = 'tmidb.audit'::regclass and tgname = 'chain') then return; end if;
  select * into v_head from tmidb.audit_head for update;
  for v_row in select * from tmidb.audit where seq is null order by audit_id loop
    v_head.seq := v_head.seq + 1;
    v_row.seq := v_head.seq;
    v_head.hash := sha256(v_head.hash || convert_to(tmidb.audit_text(v_row), 'UTF8'));
    update tmidb.audit set seq = v_head.seq, hash = v_head.hash where audit_id = v_row.audit_id;
  end loop;
  update tmidb.audit_head set seq = v_head.seq, hash = v_head.hash where seq < v_head.seq;
  create constraint trigger chain after insert on tmidb.audit deferrable initially deferred
    for each row execute function tmidb.tg_audit__chain();
end $$;
