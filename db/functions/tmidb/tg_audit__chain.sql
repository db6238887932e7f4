-- SPDX-License-Identifier: MIT
-- after: audit_text, tg_audit__guard
-- Gives an audit row its place in the chain as its transaction commits: until then nobody waits for anybody, and what is rolled back
-- leaves no gap. The row of audit_head is the lock, from here to the end of the commit (a few hundred transactions a second can do
-- that, see docs/decisions/0034-audit.md). An advisory lock would be anybody's who has SQL: holding it would hold up every administrator.
create or replace function tmidb.tg_audit__chain() returns trigger
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_head tmidb.audit_head;
begin
  -- In a transaction whose snapshot is older than the head this is 40001: it is to be tried again.
  select * into v_head from tmidb.audit_head for update;
  NEW.seq := v_head.seq + 1;
  NEW.hash := sha256(v_head.hash || convert_to(tmidb.audit_text(NEW), 'UTF8'));
  update tmidb.audit a set seq = NEW.seq, hash = NEW.hash where a.audit_id = NEW.audit_id;
  update tmidb.audit_head set seq = NEW.seq, hash = NEW.hash;
  return null;
end $$;

comment on function tmidb.tg_audit__chain() is 'Links an audit row to the one before it, at commit.';
revoke all on function tmidb.tg_audit__chain() from public;

-- What was written before there was a chain joins it, oldest first.
do $$
declare
  v_row tmidb.audit;
  v_head tmidb.audit_head;
begin
  if exists (select from pg_trigger where tgrelid = 'tmidb.audit'::regclass and tgname = 'chain') then return; end if;
  select * into v_head from tmidb.audit_head for update;
  for v_row in select * from tmidb.audit where seq is null order by audit_id loop
    v_row.seq := v_head.seq + 1;
    v_head.hash := sha256(v_head.hash || convert_to(tmidb.audit_text(v_row), 'UTF8'));
    v_head.seq := v_row.seq;
    update tmidb.audit set seq = v_head.seq, hash = v_head.hash where audit_id = v_row.audit_id;
    update tmidb.audit_head set seq = v_head.seq, hash = v_head.hash;
  end loop;
  create constraint trigger chain after insert on tmidb.audit deferrable initially deferred
    for each row execute function tmidb.tg_audit__chain();
end $$;
