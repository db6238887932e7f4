-- SPDX-License-Identifier: MIT
-- Nobody changes or takes out an audit row, whatever rights they have; not even where triggers are off for a replica (always). The one
-- change is that a row gets its place in the chain. Whoever may alter the table can take this trigger off; then the chain tells.
create or replace function tmidb.tg_audit__guard() returns trigger
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
  if TG_OP = 'UPDATE' and TG_TABLE_NAME = 'audit' then
    if OLD.seq is null and to_jsonb(NEW) - '{seq,hash}'::text[] = to_jsonb(OLD) - '{seq,hash}'::text[] then return NEW; end if;
  elsif TG_OP = 'UPDATE' then
    if NEW.seq > OLD.seq then return NEW; end if;
  end if;
  raise exception 'The audit is only ever added to.' using errcode = 'TM102', hint = 'It is kept for ever; tmictl audit list reads it.';
end $$;

comment on function tmidb.tg_audit__guard() is 'Refuses to change, remove or truncate rows of the audit and its head. TM102: always.';
revoke all on function tmidb.tg_audit__guard() from public;

create or replace trigger guard before update or delete on tmidb.audit for each row execute function tmidb.tg_audit__guard();
create or replace trigger guard_truncate before truncate on tmidb.audit for each statement execute function tmidb.tg_audit__guard();
create or replace trigger guard before update or delete on tmidb.audit_head for each row execute function tmidb.tg_audit__guard();
create or replace trigger guard_truncate before truncate on tmidb.audit_head for each statement execute function tmidb.tg_audit__guard();
alter table tmidb.audit enable always trigger guard, enable always trigger guard_truncate;
alter table tmidb.audit_head enable always trigger guard, enable always trigger guard_truncate;
