-- SPDX-License-Identifier: MIT
-- Up Migration
-- What an administrator's own migrations have done. Rows are only ever added, by tmidb.record_migration; the newest row of a name says
-- whether it is applied.

create table tmidb.migration_run (
  run_id bigint generated always as identity primary key,
  at timestamptz not null default clock_timestamp(),
  name text not null constraint name_is_a_file_name check (name ~ '^[0-9][^/]{0,199}$'),
  direction text not null constraint direction_is_known check (direction in ('up', 'down', 'accept')),
  login text not null,
  person text,
  duration interval not null,
  sha256 text not null constraint sha256_is_hex check (sha256 ~ '^[0-9a-f]{64}$'),
  is_transactional boolean not null,
  broke jsonb
);
create index migration_run_name_idx on tmidb.migration_run (name, run_id);
comment on table tmidb.migration_run is 'Each run of a migration of an administrator''s own folder, both ways.';
comment on column tmidb.migration_run.run_id is 'Identity; the order in which they ran.';
comment on column tmidb.migration_run.at is 'When it was done.';
comment on column tmidb.migration_run.name is 'Its file''s name without .sql.';
comment on column tmidb.migration_run.direction is 'up: applied; down: taken back; accept: the file was edited after it was applied, and that was accepted.';
comment on column tmidb.migration_run.login is 'The login of PostgreSQL that ran it.';
comment on column tmidb.migration_run.person is 'Who ran it, as their machine calls them.';
comment on column tmidb.migration_run.duration is 'How long its statements took.';
comment on column tmidb.migration_run.sha256 is 'Of the part that ran: Up with all that stands before Down, or Down.';
comment on column tmidb.migration_run.is_transactional is 'False for the single statement of a file that asks for "no transaction".';
comment on column tmidb.migration_run.broke is 'What of the API it broke by --force: ["Site.name was removed.", ...].';

-- Down Migration
drop table tmidb.migration_run;
