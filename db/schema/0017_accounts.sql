-- SPDX-License-Identifier: MIT
-- Up Migration
-- People sign in: by login or email and a password, into sessions that end. Who tries too often waits, whether there is such an account
-- or not.

alter table tmidb.account
  add column email text,
  add column display_name text,
  add column disabled_at timestamptz,
  add column password_changed_at timestamptz,
  add column must_change_password boolean not null default false,
  add column last_login_at timestamptz,
  alter column password_hash drop not null,
  drop constraint account_login_is_unique;
update tmidb.account set email = login where login like '%@%';
update tmidb.account set password_changed_at = created_at;
alter table tmidb.account
  add constraint login_is_short check (login ~ '^[^[:cntrl:]:]{1,100}$' and login = btrim(login)),
  add constraint email_looks_like_one check (email ~ '^[^[:cntrl:][:space:]:@]+@[^[:cntrl:][:space:]:@]+$' and octet_length(email) <= 254),
  -- So that nobody's login is somebody else's email.
  add constraint login_with_at_is_the_email check (login !~ '@' or lower(login) = lower(email)),
  add constraint display_name_is_short check (display_name ~ '^[^[:cntrl:]]{1,200}$'),
  add constraint password_is_hashed check (password_hash ~ '^\$argon2id\$');
create unique index account_login_is_unique on tmidb.account (lower(login));
create unique index account_email_is_unique on tmidb.account (lower(email));
comment on table tmidb.account is 'People: they sign in with login or email and password, have tokens, and may have a PostgreSQL login.';
comment on column tmidb.account.login is 'What the person signs in as; small and capital letters are the same.';
comment on column tmidb.account.password_hash is 'PHC string (argon2id); null: it cannot sign in with a password.';
comment on column tmidb.account.email is 'Their address, with which they can sign in too.';
comment on column tmidb.account.display_name is 'What they are called.';
comment on column tmidb.account.disabled_at is 'Since when the account opens nothing; null: it does.';
comment on column tmidb.account.password_changed_at is 'When the password was last set.';
comment on column tmidb.account.must_change_password is 'Whether the password only serves to choose another.';
comment on column tmidb.account.last_login_at is 'When the password last opened a door, to the minute.';

create table tmidb.session (
  session_id bigint generated always as identity primary key,
  account_id bigint not null references tmidb.account on delete cascade,
  hash bytea not null,
  refresh_hash bytea,
  created_at timestamptz not null default now(),
  seen_at timestamptz not null default now(),
  expires_at timestamptz not null,
  ends_at timestamptz not null,
  address text,
  agent text,
  constraint session_hash_is_unique unique (hash),
  constraint session_refresh_hash_is_unique unique (refresh_hash),
  constraint secret_ends_with_its_session check (expires_at <= ends_at)
);
create index session_account_id_idx on tmidb.session (account_id);
create index session_ends_at_idx on tmidb.session (ends_at);
comment on table tmidb.session is 'Who is signed in: a browser by its cookie, or a program by a secret that it changes for another now and then.';
comment on column tmidb.session.session_id is 'Identity.';
comment on column tmidb.session.account_id is 'Whose it is.';
comment on column tmidb.session.hash is 'sha-256 of the secret that is shown.';
comment on column tmidb.session.refresh_hash is 'sha-256 of the secret that gets a program the next one; null: a browser.';
comment on column tmidb.session.created_at is 'When it began.';
comment on column tmidb.session.seen_at is 'When it was last used, to the minute.';
comment on column tmidb.session.expires_at is 'When the secret that is shown ends.';
comment on column tmidb.session.ends_at is 'When it is over, whatever happens.';
comment on column tmidb.session.address is 'From where it began.';
comment on column tmidb.session.agent is 'The program that began it, as it calls itself.';

create table tmidb.spent_refresh (
  hash bytea primary key,
  session_id bigint not null references tmidb.session on delete cascade,
  spent_at timestamptz not null default now()
);
create index spent_refresh_session_id_idx on tmidb.spent_refresh (session_id);
comment on table tmidb.spent_refresh is 'Refresh secrets that were used: who shows one again has stolen it, or was robbed. Kept as long as the session.';
comment on column tmidb.spent_refresh.hash is 'sha-256 of the secret.';
comment on column tmidb.spent_refresh.session_id is 'Its session.';
comment on column tmidb.spent_refresh.spent_at is 'When it was used.';

create table tmidb.sign_in_try (
  key text primary key,
  tries timestamptz[] not null,
  until timestamptz not null
);
create index sign_in_try_until_idx on tmidb.sign_in_try (until);
comment on table tmidb.sign_in_try is 'Tries of passwords in the last quarter of an hour that failed or are under way, by what was tried and from where.';
comment on column tmidb.sign_in_try.key is 'login:<sha-256 of it> or address:<address or its /64>.';
comment on column tmidb.sign_in_try.tries is 'When; so many as are allowed at most.';
comment on column tmidb.sign_in_try.until is 'When the last of them no longer counts.';

alter table tmidb.instance
  add column session_lifetime interval not null default '7 days',
  add column session_idle interval not null default '24 hours',
  add constraint session_lifetime_is_sane check (session_lifetime between interval '5 minutes' and interval '400 days'),
  add constraint session_idle_is_sane check (session_idle between interval '1 minute' and interval '400 days');
comment on column tmidb.instance.session_lifetime is 'How long after signing in a session is over, whatever happens.';
comment on column tmidb.instance.session_idle is 'How long a browser''s session may be unused.';

drop function if exists tmidb.create_account(text, text, text), tmidb.account_named(text);

create table tmidb.login_to_end (
  role_oid oid primary key,
  at timestamptz not null default now()
);
comment on table tmidb.login_to_end is 'Logins whose rights were taken or changed: their open connections are ended as soon as that is committed.';
comment on column tmidb.login_to_end.role_oid is 'The role of PostgreSQL.';
comment on column tmidb.login_to_end.at is 'Since when.';

-- Down Migration
drop table tmidb.spent_refresh, tmidb.session, tmidb.sign_in_try, tmidb.login_to_end;
alter table tmidb.instance drop column session_lifetime, drop column session_idle;
-- An account without a password had none to sign in with.
delete from tmidb.account where password_hash is null or disabled_at is not null;
drop index tmidb.account_login_is_unique, tmidb.account_email_is_unique;
alter table tmidb.account
  drop constraint login_is_short, drop constraint login_with_at_is_the_email, drop constraint password_is_hashed,
  drop column email, drop column display_name, drop column disabled_at, drop column password_changed_at, drop column must_change_password,
  drop column last_login_at,
  alter column password_hash set not null,
  add constraint account_login_is_unique unique (login);
comment on table tmidb.account is 'People who sign in with login and password.';
comment on column tmidb.account.login is 'What the person signs in as.';
comment on column tmidb.account.password_hash is 'PHC string (argon2id).';
drop function if exists tmidb.create_account(text, text, text, text, text, boolean);
