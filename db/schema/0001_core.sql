-- SPDX-License-Identifier: MIT
-- Up Migration
-- Categories, their schema versions and the shapes that map to them; targets; speakers, listeners and what they may do.

create table tmidb.instance (
  only_one boolean primary key default true,
  secret text not null default replace(gen_random_uuid()::text, '-', ''),
  constraint there_is_one_instance check (only_one)
);
insert into tmidb.instance default values;
comment on table tmidb.instance is 'What this database knows of itself.';
comment on column tmidb.instance.only_one is 'Keeps the table at one row.';
comment on column tmidb.instance.secret is 'Part of the channel names by which its processes wake each other.';

create table tmidb.category (
  category_id smallint generated always as identity primary key,
  name text not null,
  is_strict boolean not null default false,
  is_overflowing boolean not null default false,
  retention interval,
  created_at timestamptz not null default now(),
  constraint category_name_is_unique unique (name),
  constraint category_name_is_an_identifier check (name ~ '^[a-z][a-z0-9_]{0,47}$'),
  constraint retention_is_positive check (retention > interval '0')
);
comment on table tmidb.category is 'A stream of like readings, such as sensor or log; made by its first reading.';
comment on column tmidb.category.category_id is 'Identity; part of the rules of permission classes.';
comment on column tmidb.category.name is 'Its name in addresses, topics and views.';
comment on column tmidb.category.is_strict is 'Whether a payload that would need a new major version is refused.';
comment on column tmidb.category.is_overflowing is 'Whether more than 256 distinct fields were seen; the rest stays in the payload only.';
comment on column tmidb.category.retention is 'How long readings are kept; null keeps them for ever.';
comment on column tmidb.category.created_at is 'When its first reading or subscription came.';

create table tmidb.schema_version (
  version_id integer generated always as identity primary key,
  category_id smallint not null references tmidb.category on delete cascade,
  major smallint not null,
  minor smallint not null,
  fields jsonb not null,
  created_at timestamptz not null default now(),
  constraint schema_version_is_unique unique (category_id, major, minor),
  constraint version_numbers_count_up check (major >= 1 and minor >= 0),
  constraint fields_are_a_list check (jsonb_typeof(fields) = 'array')
);
comment on table tmidb.schema_version is 'What a category''s payloads looked like: versions are never changed, only followed.';
comment on column tmidb.schema_version.version_id is 'Identity; each reading carries it.';
comment on column tmidb.schema_version.category_id is 'Whose version it is.';
comment on column tmidb.schema_version.major is 'Counts up when a type changes; each major has its own view.';
comment on column tmidb.schema_version.minor is 'Counts up when a field is added or widened; the view grows.';
comment on column tmidb.schema_version.fields is 'In column order: [{"name", "type", "column", "graphql"}]; types boolean, integer, number, exact, text, json.';
comment on column tmidb.schema_version.created_at is 'When the first payload of this version came.';

create table tmidb.shape (
  category_id smallint not null references tmidb.category on delete cascade,
  sig bigint not null,
  version_id integer not null references tmidb.schema_version,
  latitude_field text,
  longitude_field text,
  constraint shape_pkey primary key (category_id, sig)
);
create index shape_version_id_idx on tmidb.shape (version_id);
comment on table tmidb.shape is 'Which set of fields and types (by its 64-bit signature) belongs to which schema version.';
comment on column tmidb.shape.category_id is 'In which category.';
comment on column tmidb.shape.sig is 'Hash of the field-to-type object that the way in made.';
comment on column tmidb.shape.version_id is 'The version that holds it.';
comment on column tmidb.shape.latitude_field is 'The field that holds degrees of latitude, if there are both.';
comment on column tmidb.shape.longitude_field is 'The field that holds degrees of longitude, if there are both.';

create table tmidb.published_view (
  category_id smallint not null references tmidb.category on delete cascade,
  major smallint not null,
  version_id integer not null references tmidb.schema_version,
  published_at timestamptz not null default now(),
  constraint published_view_pkey primary key (category_id, major)
);
create index published_view_version_id_idx on tmidb.published_view (version_id);
comment on table tmidb.published_view is 'Which version the view api.<category>_v<major> shows now.';
comment on column tmidb.published_view.category_id is 'Whose view it is.';
comment on column tmidb.published_view.major is 'Which major version the view shows.';
comment on column tmidb.published_view.version_id is 'The newest minor that the view has the columns of.';
comment on column tmidb.published_view.published_at is 'When the view was last made anew.';

create table tmidb.target (
  target_id uuid primary key default gen_random_uuid(),
  key text not null,
  name text,
  meta jsonb not null default '{}',
  created_at timestamptz not null default now(),
  constraint target_key_is_unique unique (key),
  constraint target_key_is_short check (octet_length(key) between 1 and 256),
  constraint target_meta_is_an_object check (jsonb_typeof(meta) = 'object')
);
comment on table tmidb.target is 'What is observed: a person, a machine, a service; made by its first reading or by an administrator.';
comment on column tmidb.target.target_id is 'Identity; random, so that it tells nothing.';
comment on column tmidb.target.key is 'The device''s own name for it.';
comment on column tmidb.target.name is 'A name for people.';
comment on column tmidb.target.meta is 'Free attributes, such as {"site": "busan"}.';
comment on column tmidb.target.created_at is 'When it was first seen.';

create table tmidb.permission_class (
  class_id bigint generated always as identity primary key,
  rules jsonb not null,
  rules_md5 text not null generated always as (md5(rules::text)) stored,
  constraint permission_class_is_unique unique (rules_md5)
);
comment on table tmidb.permission_class is 'Listeners that see the same fields of the same rows share one class; a right is worked out once for all of them.';
comment on column tmidb.permission_class.class_id is 'Identity.';
comment on column tmidb.permission_class.rules is
  'Key "<category_id|*>/<target_id|*>" -> fields {"<name|*>": 1}; key "t/<target_id|*>": this target may be known.';
comment on column tmidb.permission_class.rules_md5 is 'By which equal rules are found.';

create table tmidb.listener (
  listener_id bigint generated always as identity primary key,
  name text not null,
  class_id bigint not null references tmidb.permission_class,
  role_name name,
  created_at timestamptz not null default now(),
  constraint listener_name_is_unique unique (name),
  constraint listener_role_is_unique unique (role_name),
  constraint listener_name_fits_an_address check (name ~ '^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$')
);
create index listener_class_id_idx on tmidb.listener (class_id);
comment on table tmidb.listener is 'Who reads, and only what it subscribed to.';
comment on column tmidb.listener.listener_id is 'Identity.';
comment on column tmidb.listener.name is 'Its name in addresses: /api/<name>, /ws/<name>.';
comment on column tmidb.listener.class_id is 'What it may see, worked out from its subscriptions.';
comment on column tmidb.listener.role_name is 'The PostgreSQL login of this listener, if it has one.';
comment on column tmidb.listener.created_at is 'When it was made.';

create table tmidb.listener_subscriptions (
  subscription_id bigint generated always as identity primary key,
  listener_id bigint not null references tmidb.listener on delete cascade,
  category_id smallint references tmidb.category on delete cascade,
  target_id uuid references tmidb.target on delete cascade,
  fields text[],
  created_at timestamptz not null default now(),
  constraint subscription_is_unique unique nulls not distinct (listener_id, category_id, target_id)
);
create index listener_subscriptions_category_id_idx on tmidb.listener_subscriptions (category_id);
create index listener_subscriptions_target_id_idx on tmidb.listener_subscriptions (target_id);
comment on table tmidb.listener_subscriptions is 'What a listener may read: a category (null: all), a target (null: all), fields (null: all).';
comment on column tmidb.listener_subscriptions.subscription_id is 'Identity.';
comment on column tmidb.listener_subscriptions.listener_id is 'Who may read.';
comment on column tmidb.listener_subscriptions.category_id is 'The category; null: all.';
comment on column tmidb.listener_subscriptions.target_id is 'The target; null: all.';
comment on column tmidb.listener_subscriptions.fields is 'The fields; null: all.';
comment on column tmidb.listener_subscriptions.created_at is 'When it was first said.';

create table tmidb.speaker (
  speaker_id bigint generated always as identity primary key,
  name text not null,
  target_id uuid references tmidb.target,
  may_create boolean not null default true,
  role_name name,
  created_at timestamptz not null default now(),
  constraint speaker_name_is_unique unique (name),
  constraint speaker_role_is_unique unique (role_name),
  constraint speaker_name_fits_an_address check (name ~ '^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$')
);
create index speaker_target_id_idx on tmidb.speaker (target_id);
comment on table tmidb.speaker is 'Who writes: a device, a service, a person.';
comment on column tmidb.speaker.speaker_id is 'Identity; the ledger counts by it.';
comment on column tmidb.speaker.name is 'Its name for people.';
comment on column tmidb.speaker.target_id is 'The one target it may write (a device''s own speaker); null: any.';
comment on column tmidb.speaker.may_create is 'Whether its readings may make new targets and categories.';
comment on column tmidb.speaker.role_name is 'The PostgreSQL login of this speaker, if it has one.';
comment on column tmidb.speaker.created_at is 'When it was made.';

create table tmidb.account (
  account_id bigint generated always as identity primary key,
  login text not null,
  password_hash text not null,
  role name not null,
  created_at timestamptz not null default now(),
  constraint account_login_is_unique unique (login),
  constraint account_role_is_known check (role in ('tmidb_admin', 'tmidb_editor', 'tmidb_viewer'))
);
comment on table tmidb.account is 'People who sign in with login and password.';
comment on column tmidb.account.account_id is 'Identity.';
comment on column tmidb.account.login is 'What the person signs in as.';
comment on column tmidb.account.password_hash is 'PHC string (argon2id).';
comment on column tmidb.account.role is 'The request role it becomes.';
comment on column tmidb.account.created_at is 'When it was made.';

create table tmidb.token (
  token_id bigint generated always as identity primary key,
  hash bytea not null,
  prefix text not null,
  kind text not null,
  speaker_id bigint references tmidb.speaker on delete cascade,
  listener_id bigint references tmidb.listener on delete cascade,
  label text,
  created_at timestamptz not null default now(),
  expires_at timestamptz,
  used_at timestamptz,
  revoked_at timestamptz,
  constraint token_hash_is_unique unique (hash),
  constraint token_has_one_owner check (
    (kind = 'speaker' and speaker_id is not null and listener_id is null)
    or (kind = 'listener' and listener_id is not null and speaker_id is null))
);
create index token_speaker_id_idx on tmidb.token (speaker_id);
create index token_listener_id_idx on tmidb.token (listener_id);
comment on table tmidb.token is 'Keys to the doors: only their sha-256 is kept; the text was shown once.';
comment on column tmidb.token.token_id is 'Identity.';
comment on column tmidb.token.hash is 'sha-256 of the text.';
comment on column tmidb.token.prefix is 'The first characters, by which people recognise it.';
comment on column tmidb.token.kind is 'Whether it opens the doors of a speaker or of a listener.';
comment on column tmidb.token.speaker_id is 'Whose it is, if it is a speaker''s.';
comment on column tmidb.token.listener_id is 'Whose it is, if it is a listener''s.';
comment on column tmidb.token.label is 'What it is for.';
comment on column tmidb.token.created_at is 'When it was made.';
comment on column tmidb.token.expires_at is 'From when on it opens nothing; null: never.';
comment on column tmidb.token.used_at is 'When it was last used, to the minute.';
comment on column tmidb.token.revoked_at is 'From when on it opens nothing, because somebody said so.';

-- Down Migration
drop table tmidb.token, tmidb.account, tmidb.speaker, tmidb.listener_subscriptions, tmidb.listener, tmidb.permission_class,
  tmidb.target, tmidb.published_view, tmidb.shape, tmidb.schema_version, tmidb.category, tmidb.instance cascade;
