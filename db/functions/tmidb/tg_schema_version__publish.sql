-- SPDX-License-Identifier: MIT
-- A new version asks for its view by a job in the same transaction: DDL takes locks that a long reader could hold up, and ingest
-- must never wait for a reader. The job has no key: add_job with the key of a job that is just being fetched can add nothing at all
-- (its update sees the job unlocked, its insert sees it locked), and a version would stay unseen. Versions are rare; a job that
-- finds nothing to do costs little.
create or replace function tmidb.tg_schema_version__publish() returns trigger
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
  perform graphile_worker.add_job('publish_views', max_attempts => 1000, priority => -5);
  return null;
end $$;

comment on function tmidb.tg_schema_version__publish() is 'Queues the job that makes the API''s views follow the versions.';
revoke all on function tmidb.tg_schema_version__publish() from public;

create or replace trigger schema_version__publish after insert on tmidb.schema_version
for each statement execute function tmidb.tg_schema_version__publish();
