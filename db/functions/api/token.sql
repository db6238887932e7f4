-- SPDX-License-Identifier: MIT
-- Tokens that there are and were: one's own, and for an administrator all.
create or replace view api.token as
select t.token_id, t.prefix, t.kind, coalesce(s.name, l.name, a.login) as owner, t.label, t.scopes, t.allow_from, t.created_at, t.expires_at,
  t.used_at, t.use_count, t.revoked_at
from tmidb.token t
left join tmidb.speaker s on s.speaker_id = t.speaker_id
left join tmidb.listener l on l.listener_id = t.listener_id
left join tmidb.account a on a.account_id = t.account_id;
alter view api.token owner to tmidb_views;

comment on view api.token is E'@primaryKey token_id\nKeys to the doors: your own, and for an administrator all. Their texts were shown once and are not kept.';
comment on column api.token.token_id is 'Its number; rotate_token and revoke_token take it.';
comment on column api.token.prefix is 'Its first characters, by which one recognises it.';
comment on column api.token.kind is 'Whose doors it opens: speaker, listener or user.';
comment on column api.token.owner is 'Name of the speaker or listener, or login of the person.';
comment on column api.token.label is 'What it is for.';
comment on column api.token.scopes is 'What of its owner''s rights it has, of read, write, command and admin (all of them); null: all.';
comment on column api.token.allow_from is 'The networks that it may come from; null: any.';
comment on column api.token.created_at is 'When it was made.';
comment on column api.token.expires_at is 'From when on it opens nothing; null: never.';
comment on column api.token.used_at is 'When it was last used, some seconds behind; null: never.';
comment on column api.token.use_count is 'How many requests it opened, and connections that stayed open.';
comment on column api.token.revoked_at is 'Since when it opens nothing, because somebody said so.';
grant select on api.token to tmidb_speaker, tmidb_listener, tmidb_viewer, tmidb_editor, tmidb_admin;
