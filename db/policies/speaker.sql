-- SPDX-License-Identifier: MIT
-- after: grants
-- Who may know a speaker through a view: itself and administrators.
grant select (speaker_id, name) on tmidb.speaker to tmidb_views;
drop policy if exists self_read on tmidb.speaker;
create policy self_read on tmidb.speaker for select to tmidb_views using (
  (select tmidb.identity())->>'role' = 'tmidb_admin' or speaker_id = ((select tmidb.identity())->>'speaker_id')::bigint);
