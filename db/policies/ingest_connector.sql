-- SPDX-License-Identifier: MIT
-- after: grants
-- Administrators see everything of a connector but its secrets; nobody else sees any of it.
revoke select on tmidb.ingest_connector from tmidb_admin;
grant select (connector_id, name, kind, speaker_id, category, schedule, is_enabled, config, state, next_run_at, run_id, run_process,
  run_until, failures, failing_since, created_at) on tmidb.ingest_connector to tmidb_admin;
