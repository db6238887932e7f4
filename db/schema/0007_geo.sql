-- SPDX-License-Identifier: MIT
-- Up Migration
-- Where targets were, with the category it is known from and the names of the two fields that said it: who may not see both of
-- them must not see the place either. The index is over space and time at once, since the question is nearly always of both.

create table tmidb.geo_source (
  source_id smallint generated always as identity primary key,
  category_id smallint not null references tmidb.category on delete cascade,
  latitude_field text not null,
  longitude_field text not null,
  constraint geo_source_is_unique unique (category_id, latitude_field, longitude_field)
);
comment on table tmidb.geo_source is 'Which two fields of a category say where a target is; few rows, made with the shapes.';
comment on column tmidb.geo_source.source_id is 'Identity; each point of a trace carries it.';
comment on column tmidb.geo_source.category_id is 'In which category.';
comment on column tmidb.geo_source.latitude_field is 'The field that holds degrees of latitude.';
comment on column tmidb.geo_source.longitude_field is 'The field that holds degrees of longitude.';
insert into tmidb.geo_source (category_id, latitude_field, longitude_field)
select distinct category_id, latitude_field, longitude_field from tmidb.shape where latitude_field is not null;

-- Made anew from the readings: the points so far do not say which category they are from.
truncate tmidb.geo_trace;
alter table tmidb.geo_trace drop constraint geo_trace_pkey, add column category_id smallint not null, add column source_id smallint not null,
  add constraint geo_trace_pkey primary key (target_id, category_id, ts);
comment on column tmidb.geo_trace.category_id is 'The stream of readings it is known from.';
comment on column tmidb.geo_trace.source_id is 'Which fields said it.';
insert into tmidb.geo_trace (target_id, category_id, ts, lon, lat, source_id)
select p.target_id, p.category_id, p.ts, (p.lon #>> '{}')::double precision, (p.lat #>> '{}')::double precision, p.source_id
from (
  select o.target_id, o.category_id, o.ts, s.source_id, o.payload -> s.longitude_field as lon, o.payload -> s.latitude_field as lat
  from tmidb.geo_source s join tmidb.ts_obs o using (category_id)) p
where case when jsonb_typeof(p.lon) = 'number' and jsonb_typeof(p.lat) = 'number'
  then p.lon <= '180' and p.lon >= '-180' and p.lat <= '90' and p.lat >= '-90' else false end
on conflict do nothing;

-- The expression is tmidb.geo_cube(lat, lon, ts), written out because functions come after tables.
create index geo_trace_place_idx on tmidb.geo_trace using gist (ext.cube(array[
  6378168 * cos(radians(lat)) * cos(radians(lon)), 6378168 * cos(radians(lat)) * sin(radians(lon)), 6378168 * sin(radians(lat)),
  date_part('epoch', ts at time zone 'UTC')]));

create type api.geo_position as (
  target text, target_id uuid, category text, ts timestamptz, lat double precision, lon double precision
);
comment on type api.geo_position is 'Where a target was.';
comment on column api.geo_position.target is 'Key of the target: the device''s own name.';
comment on column api.geo_position.target_id is 'Identity of the target.';
comment on column api.geo_position.category is 'The category that it is known from.';
comment on column api.geo_position.ts is 'When it was there.';
comment on column api.geo_position.lat is 'Latitude in degrees.';
comment on column api.geo_position.lon is 'Longitude in degrees.';

create type api.geo_neighbour as (
  target text, target_id uuid, category text, ts timestamptz, lat double precision, lon double precision, distance_m double precision
);
comment on type api.geo_neighbour is 'Where a target was, and how far that is from what was asked.';
comment on column api.geo_neighbour.target is 'Key of the target: the device''s own name.';
comment on column api.geo_neighbour.target_id is 'Identity of the target.';
comment on column api.geo_neighbour.category is 'The category that it is known from.';
comment on column api.geo_neighbour.ts is 'When it was there.';
comment on column api.geo_neighbour.lat is 'Latitude in degrees.';
comment on column api.geo_neighbour.lon is 'Longitude in degrees.';
comment on column api.geo_neighbour.distance_m is 'Distance in metres along the ground, on a sphere of 6,378,168 m.';

create type api.geo_point as (ts timestamptz, lat double precision, lon double precision);
comment on type api.geo_point is 'A point of one target''s trace.';
comment on column api.geo_point.ts is 'When it was there.';
comment on column api.geo_point.lat is 'Latitude in degrees.';
comment on column api.geo_point.lon is 'Longitude in degrees.';

create type api.latest_reading as (
  target text, category text, version text, ts timestamptz, reading_id bigint, data jsonb
);
comment on type api.latest_reading is 'A reading as it was sent, cut to the fields that may be seen.';
comment on column api.latest_reading.target is 'Key of the target: the device''s own name.';
comment on column api.latest_reading.category is 'The stream of readings it belongs to.';
comment on column api.latest_reading.version is 'The schema version that it made or fits, major.minor.';
comment on column api.latest_reading.ts is 'Time of the reading, RFC 3339 in UTC with microseconds.';
comment on column api.latest_reading.reading_id is 'Number of the reading: tells readings of one instant apart.';
comment on column api.latest_reading.data is 'The fields of its payload, by their own names.';

-- Down Migration
drop type api.latest_reading, api.geo_point, api.geo_neighbour, api.geo_position cascade;
drop index if exists tmidb.geo_trace_place_idx;
create table tmidb.geo_trace_before as select distinct on (target_id, ts) target_id, ts, lon, lat from tmidb.geo_trace;
truncate tmidb.geo_trace;
alter table tmidb.geo_trace drop constraint geo_trace_pkey, drop column category_id, drop column source_id,
  add constraint geo_trace_pkey primary key (target_id, ts);
insert into tmidb.geo_trace (target_id, ts, lon, lat) select target_id, ts, lon, lat from tmidb.geo_trace_before;
drop table tmidb.geo_trace_before, tmidb.geo_source cascade;
