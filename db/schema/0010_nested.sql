-- SPDX-License-Identifier: MIT
-- Up Migration
-- Members of nested objects are fields: gps.lat. A top-level key with a "." or "\" in it is told from them by "\" before these.

-- Where the owner is no superuser, row security would hide the rows; db/policies turns it on again.
alter table tmidb.schema_version no force row level security;
alter table tmidb.rollup_field no force row level security;
alter table tmidb.listener_subscriptions no force row level security;
alter table tmidb.permission_class no force row level security;
update tmidb.schema_version v set fields = (
  select jsonb_agg(case when f->>'name' ~ '[.\\]'
    then f || jsonb_build_object('name', replace(replace(f->>'name', '\', '\\'), '.', '\.'), 'path', jsonb_build_array(f->>'name')) else f end order by o)
  from jsonb_array_elements(v.fields) with ordinality a(f, o))
where exists (select from jsonb_array_elements(v.fields) f where f->>'name' ~ '[.\\]');
update tmidb.rollup_field set name = replace(replace(name, '\', '\\'), '.', '\.') where name ~ '[.\\]';
update tmidb.listener_subscriptions s
set fields = array(select replace(replace(f, '\', '\\'), '.', '\.') from unnest(s.fields) with ordinality u(f, o) order by o)
where exists (select from unnest(s.fields) f where f ~ '[.\\]');
update tmidb.permission_class c set rules = (
  select jsonb_object_agg(key, case jsonb_typeof(mask)
    when 'object' then (select coalesce(jsonb_object_agg(replace(replace(m.key, '\', '\\'), '.', '\.'), m.value), '{}') from jsonb_each(mask) m)
    else mask end)
  from jsonb_each(c.rules) r(key, mask))
where exists (select from jsonb_each(c.rules) r, jsonb_each(case jsonb_typeof(r.value) when 'object' then r.value else '{}' end) m where m.key ~ '[.\\]');
alter table tmidb.schema_version force row level security;
alter table tmidb.rollup_field force row level security;
alter table tmidb.listener_subscriptions force row level security;
alter table tmidb.permission_class force row level security;

-- It has a second argument now.
drop function if exists tmidb.shape_of(jsonb);

comment on column tmidb.schema_version.fields is
  'In column order: [{"name", "type", "column", "graphql", "path"}]; types boolean, integer, number, exact, text, json; path, the keys that lead to it, only where it is not the name.';
comment on column tmidb.permission_class.rules is
  'Key "<category_id|*>/<target_id|*>" -> fields {"<name|*>": 1}, of which gps shows gps.lat too; key "t/<target_id|*>": this target may be known.';
comment on column tmidb.listener_subscriptions.fields is 'The fields; null: all. gps.lat is a member of gps; a "." or "\" in a key is written "\." or "\\".';
comment on column tmidb.rollup_field.name is 'Its name, keys joined by ".".';

-- Down Migration
drop function if exists tmidb.shape_of(jsonb, integer);
comment on column tmidb.rollup_field.name is 'Its name in the payload.';
comment on column tmidb.listener_subscriptions.fields is 'The fields; null: all.';
comment on column tmidb.permission_class.rules is
  'Key "<category_id|*>/<target_id|*>" -> fields {"<name|*>": 1}; key "t/<target_id|*>": this target may be known.';
comment on column tmidb.schema_version.fields is
  'In column order: [{"name", "type", "column", "graphql"}]; types boolean, integer, number, exact, text, json.';
