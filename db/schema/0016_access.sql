-- SPDX-License-Identifier: MIT
-- Up Migration
-- Who may see and do what: rights are grants to a listener, a speaker, a person or a role, on a target, a group of targets or all, for
-- ever or for readings that are young enough. A permission class is now known by its grants; its rules are what they come to today.

create table tmidb.access_role (
  role_id smallint generated always as identity primary key,
  name text not null,
  request_role name not null default 'tmidb_member',
  description text,
  created_at timestamptz not null default now(),
  constraint access_role_name_is_unique unique (name),
  constraint access_role_name_is_a_word check (name ~ '^[a-z][a-z0-9_-]{0,47}$'),
  constraint access_role_runs_as_somebody check (request_role in ('tmidb_admin', 'tmidb_editor', 'tmidb_viewer', 'tmidb_member'))
);
comment on table tmidb.access_role is 'Roles of people: admin, editor and viewer see everything; the others see and do what they were granted.';
comment on column tmidb.access_role.role_id is 'Identity.';
comment on column tmidb.access_role.name is 'What it is called.';
comment on column tmidb.access_role.request_role is 'The PostgreSQL role as which its requests run.';
comment on column tmidb.access_role.description is 'What it is for.';
comment on column tmidb.access_role.created_at is 'When it was made.';
insert into tmidb.access_role (name, request_role, description) values
  ('admin', 'tmidb_admin', 'Sees and does everything.'),
  ('editor', 'tmidb_editor', 'Sees everything, writes readings, targets and users'' tables.'),
  ('viewer', 'tmidb_viewer', 'Sees everything, changes nothing.');

create table tmidb.target_group (
  group_id integer generated always as identity primary key,
  name text not null,
  condition text not null,
  path jsonpath not null,
  created_at timestamptz not null default now(),
  constraint target_group_name_is_unique unique (name),
  constraint target_group_name_is_short check (name ~ '^[^[:cntrl:]]{1,100}$')
);
comment on table tmidb.target_group is 'Targets that belong together by what is said of them; who joins later is in it at once.';
comment on column tmidb.target_group.group_id is 'Identity.';
comment on column tmidb.target_group.name is 'What it is called.';
comment on column tmidb.target_group.condition is 'Which targets are in it, as it was said.';
comment on column tmidb.target_group.path is 'The condition as a jsonpath predicate over meta, with $key and $name of the target.';
comment on column tmidb.target_group.created_at is 'When it was made.';

alter table tmidb.permission_class add column grants jsonb;
update tmidb.permission_class c set grants = coalesce(
  (select jsonb_agg(distinct jsonb_strip_nulls(jsonb_build_object('c', s.category_id, 't', s.target_id, 'f', s.fields)))
   from tmidb.listener_subscriptions s
   where s.listener_id = (select min(l.listener_id) from tmidb.listener l where l.class_id = c.class_id)),
  case when c.rules ? '*/*' then '[{}]'::jsonb else '[]' end);
delete from tmidb.permission_class c where not exists (select from tmidb.listener l where l.class_id = c.class_id);
alter table tmidb.permission_class drop column rules_md5, alter column grants set not null, alter column rules set storage external,
  add column left_at timestamptz,
  add column grants_md5 text not null generated always as (md5(grants::text)) stored,
  add constraint permission_class_is_unique unique (grants_md5);
comment on table tmidb.permission_class is 'Who has the same grants to read shares one class; a right is worked out once for all of them.';
comment on column tmidb.permission_class.grants is
  'What it was granted: [{"c": category_id, "t": target_id, "g": group_id, "f": [fields], "w": seconds}]; what is absent is not bounded.';
create index permission_class_left_at_idx on tmidb.permission_class (left_at) where left_at is not null;
comment on column tmidb.permission_class.left_at is 'Since when nobody has it; sockets look at it for a moment longer, and it goes within hours.';
comment on column tmidb.permission_class.grants_md5 is 'By which equal grants are found.';
comment on column tmidb.permission_class.rules is
  'What the grants come to now. Key "<category_id|*>/<target_id|*>" -> fields {"<name|*>": 1}; "t/<target_id|*>": this target may be known; "c/<category_id|*>" -> fields: this category may be known; "w": [seconds, widest first] and keys "<n>:<category_id|*>/<target_id|*>": what else is shown of readings younger than the n-th.';

alter table tmidb.account
  add column role_id smallint references tmidb.access_role,
  add column class_id bigint references tmidb.permission_class,
  add column speaker_id bigint references tmidb.speaker,
  add column role_name name,
  add constraint account_role_name_is_unique unique (role_name);
update tmidb.account a set role_id = r.role_id from tmidb.access_role r where r.request_role = a.role;
drop function if exists tmidb.account_named(text), tmidb.create_account(text, text, text);
alter table tmidb.account drop column role, alter column role_id set not null;
create index account_role_id_idx on tmidb.account (role_id);
create index account_class_id_idx on tmidb.account (class_id);
create index account_speaker_id_idx on tmidb.account (speaker_id);
comment on column tmidb.account.role_id is 'Its role.';
comment on column tmidb.account.class_id is 'What it may see, worked out from the grants of its role and its own; null: of a role that sees everything.';
comment on column tmidb.account.speaker_id is 'As which speaker it writes, once it did.';
comment on column tmidb.account.role_name is 'The PostgreSQL login of this person, if there is one.';

alter table tmidb.speaker add column is_restricted boolean not null default false;
comment on column tmidb.speaker.is_restricted is 'Whether it writes only what it was granted; from its first grant on.';

drop function if exists tmidb.all_known(text, text[]), tmidb.admit_reading(bigint, text, boolean, text, jsonb), tmidb.geo_rights(text),
  tmidb.geo_visible(text, text[]);
drop function if exists tmidb.subscribe(text, text, text[], text[]), api.subscribe(text, text, text[], text[]),
  tmidb.class_of(bigint), tmidb.class_of_rules(jsonb), tmidb.classify(bigint);
alter table tmidb.listener_subscriptions rename to access_grant;
alter table tmidb.access_grant rename column subscription_id to grant_id;
alter table tmidb.access_grant rename constraint listener_subscriptions_pkey to access_grant_pkey;
alter index tmidb.listener_subscriptions_category_id_idx rename to access_grant_category_id_idx;
alter index tmidb.listener_subscriptions_target_id_idx rename to access_grant_target_id_idx;
alter table tmidb.access_grant
  alter column listener_id drop not null,
  add column account_id bigint references tmidb.account on delete cascade,
  add column role_id smallint references tmidb.access_role on delete cascade,
  add column speaker_id bigint references tmidb.speaker on delete cascade,
  add column group_id integer references tmidb.target_group on delete cascade,
  add column actions text[] not null default '{read}',
  add column time_window interval,
  drop constraint subscription_is_unique,
  add constraint grant_is_unique unique nulls not distinct
    (listener_id, account_id, role_id, speaker_id, category_id, target_id, group_id, time_window, actions),
  add constraint grant_has_one_holder check (num_nonnulls(listener_id, account_id, role_id, speaker_id) = 1),
  add constraint grant_is_of_a_target_or_a_group check (target_id is null or group_id is null),
  add constraint grant_allows_something check (cardinality(actions) > 0 and actions <@ array['read', 'write', 'command', 'admin']),
  add constraint listener_only_reads check (listener_id is null or actions = '{read}'),
  add constraint time_window_is_positive check (time_window between interval '1 second' and interval '100 years');
create index access_grant_account_id_idx on tmidb.access_grant (account_id);
create index access_grant_role_id_idx on tmidb.access_grant (role_id);
create index access_grant_speaker_id_idx on tmidb.access_grant (speaker_id);
create index access_grant_group_id_idx on tmidb.access_grant (group_id);
comment on table tmidb.access_grant is
  'What a listener, a person, a role or a speaker may do: with a category (null: all), a target or a group of targets (null: all), fields (null: all).';
comment on column tmidb.access_grant.grant_id is 'Identity.';
comment on column tmidb.access_grant.listener_id is 'The listener that may.';
comment on column tmidb.access_grant.account_id is 'The person who may.';
comment on column tmidb.access_grant.role_id is 'The role whose people may.';
comment on column tmidb.access_grant.speaker_id is 'The speaker that may.';
comment on column tmidb.access_grant.group_id is 'The group of targets.';
comment on column tmidb.access_grant.actions is 'read, write, command (send to a target), admin (change name and attributes of a target).';
comment on column tmidb.access_grant.fields is 'The fields that are read; null: all.';
comment on column tmidb.access_grant.time_window is 'Only readings that are not older than this are read; null: however old.';
comment on column tmidb.access_grant.created_at is 'When it was first said.';

alter table tmidb.request_limit drop constraint role_reads, add constraint role_reads check (role in
  ('tmidb_anonymous', 'tmidb_speaker', 'tmidb_listener', 'tmidb_member', 'tmidb_viewer', 'tmidb_editor', 'tmidb_admin'));
insert into tmidb.request_limit (role, statement_timeout) values ('tmidb_member', '3 seconds');

-- Down Migration
delete from tmidb.request_limit where role = 'tmidb_member';
alter table tmidb.request_limit drop constraint role_reads, add constraint role_reads check (role in
  ('tmidb_anonymous', 'tmidb_speaker', 'tmidb_listener', 'tmidb_viewer', 'tmidb_editor', 'tmidb_admin'));
drop trigger if exists lock_groups on tmidb.target;
drop trigger if exists join_groups_new on tmidb.target;
drop trigger if exists join_groups_changed on tmidb.target;
drop view if exists tmidb.listener_subscriptions;
delete from tmidb.access_grant where listener_id is null or group_id is not null or time_window is not null;
alter table tmidb.access_grant
  drop constraint grant_is_unique, drop constraint grant_has_one_holder, drop constraint grant_is_of_a_target_or_a_group,
  drop constraint grant_allows_something, drop constraint listener_only_reads, drop constraint time_window_is_positive,
  drop column account_id, drop column role_id, drop column speaker_id, drop column group_id, drop column actions, drop column time_window,
  alter column listener_id set not null;
alter index tmidb.access_grant_target_id_idx rename to listener_subscriptions_target_id_idx;
alter index tmidb.access_grant_category_id_idx rename to listener_subscriptions_category_id_idx;
alter table tmidb.access_grant rename constraint access_grant_pkey to listener_subscriptions_pkey;
alter table tmidb.access_grant rename column grant_id to subscription_id;
alter table tmidb.access_grant rename to listener_subscriptions;
alter table tmidb.listener_subscriptions
  add constraint subscription_is_unique unique nulls not distinct (listener_id, category_id, target_id);
comment on table tmidb.listener_subscriptions is 'What a listener may read: a category (null: all), a target (null: all), fields (null: all).';
comment on column tmidb.listener_subscriptions.listener_id is 'Who may read.';
comment on column tmidb.listener_subscriptions.fields is 'The fields; null: all.';
alter table tmidb.speaker drop column is_restricted;
alter table tmidb.account add column role name;
delete from tmidb.account a using tmidb.access_role r where r.role_id = a.role_id and r.request_role = 'tmidb_member';
update tmidb.account a set role = r.request_role from tmidb.access_role r where r.role_id = a.role_id;
alter table tmidb.account drop column role_id, drop column class_id, drop column speaker_id, drop column role_name, alter column role set not null,
  add constraint account_role_is_known check (role in ('tmidb_admin', 'tmidb_editor', 'tmidb_viewer'));
comment on column tmidb.account.role is 'The request role it becomes.';
-- Rules of one class each: what several had in common is told apart by its number.
alter table tmidb.permission_class drop column grants_md5, drop column grants, drop column left_at,
  alter column rules set storage extended,
  add column rules_md5 text not null generated always as (md5(rules::text)) stored;
update tmidb.listener l set class_id = (
  select min(b.class_id) from tmidb.permission_class a join tmidb.permission_class b using (rules_md5) where a.class_id = l.class_id);
delete from tmidb.permission_class c where not exists (select from tmidb.listener l where l.class_id = c.class_id);
alter table tmidb.permission_class add constraint permission_class_is_unique unique (rules_md5);
comment on column tmidb.permission_class.rules_md5 is 'By which equal rules are found.';
drop table tmidb.target_group, tmidb.access_role;
drop function if exists tmidb.subscribe(text, text, text[], text[], text, interval), api.subscribe(text, text, text[], text[], text, interval),
  tmidb.class_of(jsonb), tmidb.class_of_grants(jsonb), tmidb.classify(bigint), tmidb.account_named(text), tmidb.create_account(text, text, text),
  tmidb.admit_reading(bigint, text, jsonb, text, jsonb), tmidb.geo_rights(text), tmidb.geo_visible(text, text[]);
