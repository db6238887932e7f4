-- SPDX-License-Identifier: MIT
-- after: grants
-- Who may know a listener through a view: itself and administrators.
grant select (listener_id, name) on tmidb.listener to tmidb_views;
drop policy if exists self_read on tmidb.listener;
create policy self_read on tmidb.listener for select to tmidb_views using (
  (select tmidb.identity())->>'role' = 'tmidb_admin' or listener_id = ((select tmidb.identity())->>'listener_id')::bigint);
