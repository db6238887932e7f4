-- SPDX-License-Identifier: MIT
-- Up Migration
-- What each schema version changed and whom that breaks, when it was seen and what it looks like; what an administrator says of fields.

alter table tmidb.category add column description text;
comment on column tmidb.category.description is 'What its readings are, in an administrator''s words; tmidb.describe_category sets it.';

alter table tmidb.schema_version
  add column diff jsonb not null default '{}',
  add column compatibility text not null default 'initial',
  add constraint compatibility_is_known check (compatibility in ('initial', 'additive', 'widening', 'breaking'));
comment on column tmidb.schema_version.fields is
  'In column order: [{"name", "type", "column", "graphql", "was"}]; types boolean, integer, number, exact, text, json; "was" (after tmidb.rename_field) lists earlier [{"column", "graphql"}] that still answer.';
comment on column tmidb.schema_version.diff is
  'Against the version it came from: {"added": [{name, type}], "widened": [{name, from, to}], "changed": [{name, from, to}], "renamed": [{name, from, to}], "removed": [{name, type}]}.';
comment on column tmidb.schema_version.compatibility is
  'initial: the first; additive: fields or names came; widening: an integer became a number; breaking: a type changed, and with it the major.';

alter table tmidb.schema_version no force row level security;
with pair as (
  select v.version_id, v.fields, p.fields as before, v.minor = 0 and v.major > 1 as is_major
  from tmidb.schema_version v
  left join lateral (
    select b.fields from tmidb.schema_version b
    where b.category_id = v.category_id and b.version_id < v.version_id and (b.major = v.major or (v.minor = 0 and b.major < v.major))
    order by b.major desc, b.minor desc limit 1) p on true
), field as (
  select pair.version_id, pair.is_major, pair.before is null as is_first, f->>'name' as name, f->>'type' as type, b->>'type' as from_type, o
  from pair cross join lateral jsonb_array_elements(pair.fields) with ordinality a(f, o)
  left join lateral (select b from jsonb_array_elements(pair.before) b where b->>'name' = f->>'name') k on true
), told as (
  select version_id,
    jsonb_build_object('renamed', '[]'::jsonb, 'removed', '[]'::jsonb,
      'added', coalesce(jsonb_agg(jsonb_build_object('name', name, 'type', type) order by o) filter (where from_type is null), '[]'),
      'widened', coalesce(jsonb_agg(jsonb_build_object('name', name, 'from', from_type, 'to', type) order by o)
        filter (where from_type = 'integer' and type = 'number'), '[]'),
      'changed', coalesce(jsonb_agg(jsonb_build_object('name', name, 'from', from_type, 'to', type) order by o)
        filter (where from_type <> type and not (from_type = 'integer' and type = 'number')), '[]')) as diff,
    case when bool_or(is_first) then 'initial' when bool_or(is_major) then 'breaking'
         when bool_or(from_type <> type) then 'widening' else 'additive' end as compatibility
  from field group by version_id
)
update tmidb.schema_version v set diff = t.diff, compatibility = t.compatibility from told t where t.version_id = v.version_id;

create table tmidb.version_seen (
  version_id integer primary key references tmidb.schema_version on delete cascade,
  first_seen timestamptz,
  last_seen timestamptz,
  example jsonb
) with (fillfactor = 50);
comment on table tmidb.version_seen is 'When readings of a schema version came; apart from the version, which never changes.';
comment on column tmidb.version_seen.version_id is 'Which version.';
comment on column tmidb.version_seen.first_seen is 'When its first reading was stored; null: none yet, the version only follows what a field of another major brought.';
comment on column tmidb.version_seen.last_seen is 'When its newest reading was stored, to the minute.';
comment on column tmidb.version_seen.example is 'The payload that made it, cut to 8 kB.';
insert into tmidb.version_seen (version_id, first_seen, last_seen) select version_id, created_at, created_at from tmidb.schema_version;
alter table tmidb.schema_version force row level security;

create table tmidb.field_setting (
  category_id smallint not null references tmidb.category on delete cascade,
  field text not null,
  type text,
  description text,
  unit text,
  changed_at timestamptz not null default now(),
  constraint field_setting_pkey primary key (category_id, field),
  constraint pinned_type_is_known check (type in ('boolean', 'integer', 'number', 'exact', 'text', 'json'))
);
comment on table tmidb.field_setting is 'What an administrator said of a field; discovery and every publishing of views leave it as it is.';
comment on column tmidb.field_setting.category_id is 'Whose field it is.';
comment on column tmidb.field_setting.field is 'Its name in the payload.';
comment on column tmidb.field_setting.type is 'Its type whatever devices send (pinned); null: as discovered.';
comment on column tmidb.field_setting.description is 'What it means.';
comment on column tmidb.field_setting.unit is 'In what it is measured.';
comment on column tmidb.field_setting.changed_at is 'When that was last said.';

-- Down Migration
-- Views with the columns of earlier names cannot lose them by "create or replace".
do $$
declare
  v record;
begin
  for v in select distinct c.name, s.major from tmidb.schema_version s join tmidb.category c using (category_id)
           where jsonb_path_exists(s.fields, '$[*].was') loop
    execute format('drop view if exists api.%I', v.name || '_v' || v.major);
  end loop;
end $$;
drop function if exists tmidb.tg_schema_version__diff() cascade;
drop function if exists tmidb.tg_schema_version__seen() cascade;
drop table tmidb.field_setting, tmidb.version_seen cascade;
alter table tmidb.schema_version drop column diff, drop column compatibility;
comment on column tmidb.schema_version.fields is 'In column order: [{"name", "type", "column", "graphql"}]; types boolean, integer, number, exact, text, json.';
alter table tmidb.category drop column description;
