-- SPDX-License-Identifier: MIT
-- after: grants
-- Who may know of a token: its owner and administrators; its hash nobody. A person who writes as a speaker is that person, not the speaker.
revoke all on tmidb.token from tmidb_views;
grant select (token_id, prefix, kind, speaker_id, listener_id, account_id, label, scopes, allow_from, created_at, expires_at, used_at,
  use_count, revoked_at) on tmidb.token to tmidb_views, tmidb_admin;
drop policy if exists owner_read on tmidb.token;
create policy owner_read on tmidb.token for select to tmidb_views using (
  (select tmidb.identity())->>'role' = 'tmidb_admin'
  or account_id = ((select tmidb.identity())->>'account_id')::bigint
  or listener_id = ((select tmidb.identity())->>'listener_id')::bigint
  or not (select tmidb.identity()) ? 'account_id' and speaker_id = ((select tmidb.identity())->>'speaker_id')::bigint);
