-- SPDX-License-Identifier: MIT
-- Whatever table somebody's doing changes writes the audit: each table has the trigger, but those here, each for its reason.
-- level: error
select c.oid::regclass::text as what
from pg_class c
where c.relnamespace = 'tmidb'::regnamespace and c.relkind in ('r', 'p')
  and not exists (
    select from pg_trigger t
    where t.tgrelid = c.oid and t.tgfoid = 'tmidb.tg_any__audit()'::regprocedure and t.tgenabled <> 'D' and (t.tgtype & 29) = 29)
  and c.relname not in (
    -- The audit itself; triggers of its own guard it.
    'audit', 'audit_head',
    -- Readings, and what is worked out from them while they are stored.
    'ts_obs', 'geo_trace', 'geo_source', 'raw_bucket', 'message_id', 'chunk', 'shape', 'schema_version', 'version_seen',
    'rollup_field', 'rollup_series', 'rollup_minute', 'rollup_hour', 'rollup_day', 'rollup_chunk', 'rollup_cursor',
    -- What came and went, in numbers. Who edits, replays or discards dead letters says so by itself.
    'ledger', 'ledger_minute', 'removal', 'ingest_cursor', 'stream_cursor',
    -- Worked out from grants and from versions.
    'permission_class', 'published_view',
    -- What processes say of their own work.
    'connector_seen', 'connector_run', 'api_state', 'rate_count',
    -- Doors say by themselves who signs in, out, or fails to.
    'session', 'spent_refresh', 'sign_in_try', 'login_to_end',
    -- Migrations: tmiDB's own are part of its version; users' own are in the audit by tmidb.record_migration.
    'migration', 'code_version', 'migration_run')
