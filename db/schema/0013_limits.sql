-- SPDX-License-Identifier: MIT
-- Up Migration
-- How much a request may ask for, and of whom: the time a statement has, who may look at the schema, who is held to documents that
-- an administrator registered.

create table tmidb.request_limit (
  role name primary key,
  statement_timeout interval not null,
  constraint role_reads check (role in ('tmidb_anonymous', 'tmidb_speaker', 'tmidb_listener', 'tmidb_viewer', 'tmidb_editor', 'tmidb_admin')),
  constraint statement_timeout_is_sensible check (statement_timeout between interval '100 milliseconds' and interval '10 minutes')
);
comment on table tmidb.request_limit is 'What a request of a role may take; set by tmidb.set_request_timeout.';
comment on column tmidb.request_limit.role is 'What the request runs as.';
comment on column tmidb.request_limit.statement_timeout is 'After so long its statement is stopped.';
insert into tmidb.request_limit (role, statement_timeout) values
  ('tmidb_anonymous', '1 second'), ('tmidb_speaker', '3 seconds'), ('tmidb_listener', '3 seconds'),
  ('tmidb_viewer', '10 seconds'), ('tmidb_editor', '10 seconds'), ('tmidb_admin', '30 seconds');

alter table tmidb.listener
  add column may_introspect boolean not null default false,
  add column only_documents boolean not null default false;
comment on column tmidb.listener.may_introspect is 'Whether GraphQL shows it the schema and suggests names; set by tmidb.allow_introspection.';
comment on column tmidb.listener.only_documents is 'Whether it may only send registered GraphQL documents; set by tmidb.require_documents.';
update tmidb.listener set may_introspect = true where name = 'first-listener';

alter table tmidb.instance add column only_documents boolean not null default false;
comment on column tmidb.instance.only_documents is 'Whether all listeners may only send registered GraphQL documents.';

create table tmidb.document (
  hash bytea primary key,
  body text not null,
  name text,
  created_at timestamptz not null default now(),
  constraint hash_is_a_sha256 check (octet_length(hash) = 32),
  constraint body_has_a_size check (octet_length(body) between 1 and 100000)
);
comment on table tmidb.document is 'GraphQL documents that are asked for by their hash.';
comment on column tmidb.document.hash is 'SHA-256 of the text.';
comment on column tmidb.document.body is 'The text, letter by letter.';
comment on column tmidb.document.name is 'Where it came from, for people.';
comment on column tmidb.document.created_at is 'When it was registered.';

-- They give back more columns now.
drop function if exists tmidb.authenticate(bytea);
drop function if exists tmidb.account_named(text);

-- Down Migration
drop function if exists tmidb.authenticate(bytea);
drop function if exists tmidb.account_named(text);
drop table tmidb.document;
alter table tmidb.instance drop column only_documents;
alter table tmidb.listener drop column only_documents, drop column may_introspect;
drop table tmidb.request_limit;
