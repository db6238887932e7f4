-- SPDX-License-Identifier: MIT
-- after: grants
-- Who may know a person through a view: that person and administrators.
grant select (account_id, login) on tmidb.account to tmidb_views;
drop policy if exists self_read on tmidb.account;
create policy self_read on tmidb.account for select to tmidb_views using (
  (select tmidb.identity())->>'role' = 'tmidb_admin' or account_id = ((select tmidb.identity())->>'account_id')::bigint);
