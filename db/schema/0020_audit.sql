-- SPDX-License-Identifier: MIT
-- Up Migration
-- The audit tells what was before and after, from where and in which request; its rows form a chain, so that whoever changes or takes
-- out one of them is found out. They get their places beside, as the rows that are there already do (tmidb.seal_audit).

alter table tmidb.audit
  add column seq bigint,
  add column hash bytea,
  add column role text,
  add column resource text,
  add column before jsonb,
  add column after jsonb,
  add column address inet,
  add column agent text,
  add column request_id text,
  add constraint audit_seq_is_unique unique (seq),
  add constraint place_in_the_chain_is_whole check ((seq is null) = (hash is null) and octet_length(hash) = 32);
create index audit_unsealed_idx on tmidb.audit (audit_id) where seq is null;
create index audit_kind_idx on tmidb.audit (kind, audit_id);
create index audit_actor_idx on tmidb.audit (actor, audit_id);
create index audit_resource_idx on tmidb.audit (resource, audit_id);
comment on table tmidb.audit is
  'What was done or refused, by whom, on what: rows are only ever added and kept for ever, each with the hash of the one before.';
comment on column tmidb.audit.kind is 'What happened; tmidb.audit_kind says what each means.';
comment on column tmidb.audit.seq is 'Its place in the chain, 1, 2, 3 … without a gap, in the order of sealing; null: it is not sealed yet (up to a second).';
comment on column tmidb.audit.hash is 'sha-256 of the hash before it and of everything else in this row (tmidb.audit_text).';
comment on column tmidb.audit.role is 'As what the actor was here, such as tmidb_admin or tmidb_listener.';
comment on column tmidb.audit.resource is 'On what it was done: listener:A, user:kim, category:sensor, target:truck-17, …';
comment on column tmidb.audit.before is 'What was there: of a change the columns that differ, of a removal all; a secret is "***".';
comment on column tmidb.audit.after is 'What is there now: of a change the columns that differ, of something new all; a secret is "***".';
comment on column tmidb.audit.address is 'From which address.';
comment on column tmidb.audit.agent is 'The program, as it calls itself: User-Agent, or application_name of a PostgreSQL connection.';
comment on column tmidb.audit.request_id is 'The request, as its answer and the log name it.';

create table tmidb.audit_head (
  only_one boolean primary key default true,
  seq bigint not null default 0,
  hash bytea not null default '',
  constraint there_is_one_head check (only_one)
) with (fillfactor = 20);
insert into tmidb.audit_head default values;
comment on table tmidb.audit_head is 'The end of the chain of tmidb.audit; who seals locks this row, who writes does not.';
comment on column tmidb.audit_head.only_one is 'Keeps the table at one row.';
comment on column tmidb.audit_head.seq is 'The place of the last row; 0: there is none yet.';
comment on column tmidb.audit_head.hash is 'The hash of the last row.';

-- It takes more arguments now.
drop function if exists tmidb.record_audit(text, text, jsonb);
drop function if exists tmidb.record_setting(text, jsonb);

-- Down Migration
do $$
declare
  v record;
begin
  for v in select t.tgname, t.tgrelid::regclass as tab from pg_trigger t join pg_proc p on p.oid = t.tgfoid
           where p.pronamespace = 'tmidb'::regnamespace and p.proname ~ '^tg_.*audit' loop
    execute format('drop trigger %I on %s', v.tgname, v.tab);
  end loop;
  for v in select p.oid::regprocedure as fn from pg_proc p where p.pronamespace = 'tmidb'::regnamespace
           and (p.proname ~ '^(tg_.*audit|audit_)' or p.proname in ('record_audit', 'seal_audit')) loop
    execute format('drop function %s cascade', v.fn);
  end loop;
end $$;
drop table tmidb.audit_head;
alter table tmidb.audit drop column seq, drop column hash, drop column role, drop column resource, drop column before, drop column after,
  drop column address, drop column agent, drop column request_id;
drop index if exists tmidb.audit_unsealed_idx, tmidb.audit_kind_idx, tmidb.audit_actor_idx, tmidb.audit_resource_idx;
comment on table tmidb.audit is 'What was done or refused, by whom.';
comment on column tmidb.audit.kind is 'What happened, such as token.revoked or mqtt.denied.';
