-- SPDX-License-Identifier: MIT
-- Up Migration
-- People have tokens too; a token may be narrower than its owner: by scopes, by the addresses it may come from.
-- Its uses are counted.

alter table tmidb.token
  add column account_id bigint references tmidb.account on delete cascade,
  add column scopes text[],
  add column allow_from cidr[],
  add column use_count bigint not null default 0,
  drop constraint token_has_one_owner,
  add constraint token_has_one_owner check (num_nonnulls(speaker_id, listener_id, account_id) = 1 and case kind
    when 'speaker' then speaker_id is not null
    when 'listener' then listener_id is not null
    when 'user' then account_id is not null
    else false end),
  add constraint token_scopes_are_known check (cardinality(scopes) > 0 and scopes <@ array['read', 'write', 'command', 'admin']),
  add constraint token_may_come_from_somewhere check (cardinality(allow_from) between 1 and 100),
  add constraint token_label_is_short check (octet_length(label) <= 200);
create index token_account_id_idx on tmidb.token (account_id);
create index token_prefix_idx on tmidb.token (prefix);
-- A use is counted in place.
alter table tmidb.token set (fillfactor = 80);
comment on column tmidb.token.kind is 'Which doors it opens: those of a speaker, of a listener or of a user (a person).';
comment on column tmidb.token.account_id is 'Whose it is, if it is a person''s.';
comment on column tmidb.token.scopes is 'What of its owner''s rights it has: read, write, command, admin (all of them); null: all.';
comment on column tmidb.token.allow_from is 'The addresses that it may come from; null: any.';
comment on column tmidb.token.use_count is 'How many requests it opened, and connections that stayed open.';
comment on column tmidb.token.used_at is 'When it was last used, some seconds behind.';
drop function if exists tmidb.create_token(text, text, text, timestamptz), tmidb.authenticate(bytea);

-- Down Migration
drop trigger if exists ended on tmidb.token;
drop view if exists api.token;
drop policy if exists owner_read on tmidb.token;
drop policy if exists self_read on tmidb.speaker;
drop policy if exists self_read on tmidb.listener;
drop policy if exists self_read on tmidb.account;
revoke select (speaker_id, name) on tmidb.speaker from tmidb_views;
revoke select (listener_id, name) on tmidb.listener from tmidb_views;
revoke select (account_id, login) on tmidb.account from tmidb_views;
delete from tmidb.token where account_id is not null;
drop index tmidb.token_prefix_idx, tmidb.token_account_id_idx;
alter table tmidb.token
  drop constraint token_has_one_owner, drop constraint token_scopes_are_known, drop constraint token_may_come_from_somewhere,
  drop constraint token_label_is_short,
  drop column account_id, drop column scopes, drop column allow_from, drop column use_count,
  add constraint token_has_one_owner check (
    (kind = 'speaker' and speaker_id is not null and listener_id is null)
    or (kind = 'listener' and listener_id is not null and speaker_id is null)),
  reset (fillfactor);
comment on column tmidb.token.kind is 'Whether it opens the doors of a speaker or of a listener.';
comment on column tmidb.token.used_at is 'When it was last used, to the minute.';
drop function if exists tmidb.create_token(text, text, text, timestamptz, text[], text[]), tmidb.authenticate(bytea);
