-- SPDX-License-Identifier: MIT
-- Up Migration
-- How many requests a minute there may be, of whom and of what kind; and what is used of it, for all processes together.

create table tmidb.rate_limit (
  scope text not null,
  endpoint text not null,
  subject text,
  per_minute int not null,
  constraint one_limit_a_subject unique nulls not distinct (scope, endpoint, subject),
  constraint scope_is_known check (scope in ('token', 'user', 'address')),
  constraint endpoint_is_known check (endpoint in ('read', 'write', 'ingest', 'live', 'login', 'anonymous')),
  constraint anonymous_and_logins_have_only_an_address check (scope = 'address' or endpoint not in ('login', 'anonymous')),
  constraint subject_is_short check (length(subject) between 1 and 300),
  constraint limit_is_sensible check (per_minute between 0 and 100000000)
);
comment on table tmidb.rate_limit is 'Requests a minute that a token, a user or an address has; set by tmidb.set_rate_limit.';
comment on column tmidb.rate_limit.scope is 'What is counted for itself: each token, user or address.';
comment on column tmidb.rate_limit.endpoint is 'read, write, ingest, live (opening sockets), login, or anonymous: whatever comes without a valid token.';
comment on column tmidb.rate_limit.subject is 'The one that has it: a token''s id, listener:<name>, speaker:<name>, user:<login> or an address; null: each one that has no other.';
comment on column tmidb.rate_limit.per_minute is 'Requests a minute; 0: as many as come.';

-- Far above what one client does by itself, so that only what runs wild meets them.
insert into tmidb.rate_limit (scope, endpoint, subject, per_minute) values
  ('token', 'read', null, 120000),
  ('token', 'write', null, 60000),
  ('token', 'ingest', null, 0),
  ('token', 'live', null, 6000),
  ('address', 'anonymous', null, 600),
  ('address', 'login', null, 30);

-- What is counted may be lost in a crash: a window is a minute long.
create unlogged table tmidb.rate_count (
  key text primary key,
  ends_at timestamptz not null,
  allowed int not null,
  taken int not null,
  granted int not null
) with (fillfactor = 50);
comment on table tmidb.rate_count is 'What is used of a limit in the window that runs; written by tmidb.take_from_limits.';
comment on column tmidb.rate_count.key is 'Scope, endpoint and subject.';
comment on column tmidb.rate_count.ends_at is 'When the window ends, and counting begins anew.';
comment on column tmidb.rate_count.allowed is 'How many there may be in it.';
comment on column tmidb.rate_count.taken is 'How many the processes have taken.';
comment on column tmidb.rate_count.granted is 'How many the last one that asked was given.';

-- Down Migration
drop table tmidb.rate_count;
drop table tmidb.rate_limit;
