-- SPDX-License-Identifier: MIT
-- Up Migration
-- Roll-ups of numeric fields: one row a series (target and field) and minute, hour and day, merged from ts_obs by position.

alter table tmidb.category
  add column rollup_enabled boolean not null default true,
  add column rollup_since timestamptz not null default '-infinity',
  add column minute_retention interval,
  add column hour_retention interval,
  add column day_retention interval,
  add column raw_from timestamptz not null default '-infinity',
  add column minute_from timestamptz not null default '-infinity',
  add column hour_from timestamptz not null default '-infinity',
  add column day_from timestamptz not null default '-infinity',
  add constraint minute_retention_is_positive check (minute_retention > interval '0'),
  add constraint hour_retention_is_positive check (hour_retention > interval '0'),
  add constraint day_retention_is_positive check (day_retention > interval '0');
comment on column tmidb.category.rollup_enabled is 'Whether its numeric fields are rolled up; tmidb.set_rollups turns it on and off.';
comment on column tmidb.category.rollup_since is 'Roll-ups are whole from here on; what is older is read from the readings.';
comment on column tmidb.category.minute_retention is 'How long roll-ups of a minute are kept; null keeps them for ever.';
comment on column tmidb.category.hour_retention is 'How long roll-ups of an hour are kept; null keeps them for ever.';
comment on column tmidb.category.day_retention is 'How long roll-ups of a day are kept; null keeps them for ever.';
comment on column tmidb.category.raw_from is 'Readings before it may be gone by an earlier retention.';
comment on column tmidb.category.minute_from is 'Roll-ups of a minute before it were dropped.';
comment on column tmidb.category.hour_from is 'Roll-ups of an hour before it were dropped.';
comment on column tmidb.category.day_from is 'Roll-ups of a day before it were dropped.';

create table tmidb.rollup_field (
  field_id integer generated always as identity primary key,
  category_id smallint not null references tmidb.category on delete cascade,
  name text not null,
  constraint rollup_field_is_unique unique (category_id, name)
);
comment on table tmidb.rollup_field is 'Numeric fields: every field that some schema version of its category types as integer, number or exact.';
comment on column tmidb.rollup_field.field_id is 'Identity; stands for category and field in rollup_series.';
comment on column tmidb.rollup_field.category_id is 'Whose field it is.';
comment on column tmidb.rollup_field.name is 'Its name in the payload.';
insert into tmidb.rollup_field (category_id, name)
select distinct v.category_id, f->>'name' from tmidb.schema_version v, jsonb_array_elements(v.fields) f
where f->>'type' in ('integer', 'number', 'exact');

create table tmidb.rollup_series (
  series_id integer generated always as identity primary key,
  field_id integer not null references tmidb.rollup_field on delete cascade,
  target_id uuid not null,
  constraint rollup_series_is_unique unique (field_id, target_id)
);
comment on table tmidb.rollup_series is 'One numeric field of one target: a short number for the roll-ups'' key.';
comment on column tmidb.rollup_series.series_id is 'Identity.';
comment on column tmidb.rollup_series.field_id is 'Which field, and with it which category.';
comment on column tmidb.rollup_series.target_id is 'Of which target.';

create table tmidb.rollup_minute (
  bucket timestamptz not null,
  first_ts timestamptz not null,
  last_ts timestamptz not null,
  series_id integer not null,
  count integer not null,
  min numeric not null,
  max numeric not null,
  sum numeric not null,
  first numeric not null,
  last numeric not null,
  constraint rollup_minute_pkey primary key (series_id, bucket)
) partition by range (bucket);
create table tmidb.rollup_hour (like tmidb.rollup_minute, constraint rollup_hour_pkey primary key (series_id, bucket))
  partition by range (bucket);
create table tmidb.rollup_day (like tmidb.rollup_minute, constraint rollup_day_pkey primary key (series_id, bucket))
  partition by range (bucket);

create table tmidb.rollup_chunk (
  grain text not null,
  from_ts timestamptz not null,
  to_ts timestamptz not null,
  name text not null,
  settled_at timestamptz,
  constraint rollup_chunk_pkey primary key (grain, from_ts),
  constraint grain_is_known check (grain in ('minute', 'hour', 'day')),
  constraint rollup_chunk_is_not_empty check (from_ts < to_ts)
);
comment on table tmidb.rollup_chunk is 'The pieces of time that the roll-ups have room for.';
comment on column tmidb.rollup_chunk.grain is 'Of which roll-ups: minute, hour or day.';
comment on column tmidb.rollup_chunk.from_ts is 'The first moment in it.';
comment on column tmidb.rollup_chunk.to_ts is 'The first moment behind it.';
comment on column tmidb.rollup_chunk.name is 'Its table in tmidb_parts.';
comment on column tmidb.rollup_chunk.settled_at is 'When its rows were put in order of series; null while they come.';

create table tmidb.rollup_cursor (
  shard smallint primary key,
  position bigint not null default 0,
  rolled_at timestamptz not null default now()
) with (fillfactor = 20);
insert into tmidb.rollup_cursor (shard) select generate_series(0, 7);
comment on table tmidb.rollup_cursor is 'How far each shard is rolled up: moved in the transaction of the merge, so each reading counts exactly once.';
comment on column tmidb.rollup_cursor.shard is '0 to 7.';
comment on column tmidb.rollup_cursor.position is 'The last position that is in the roll-ups; compare tmidb.ingest_cursor.';
comment on column tmidb.rollup_cursor.rolled_at is 'When it was last moved.';

do $$
declare
  v_grain text;
begin
  foreach v_grain in array array['minute', 'hour', 'day'] loop
    execute format('comment on table tmidb.rollup_%s is %L', v_grain, format('Readings of one series in one %s, in UTC.', v_grain));
    execute format('comment on column tmidb.rollup_%s.bucket is %L', v_grain, format('The first moment of the %s.', v_grain));
    execute format('comment on column tmidb.rollup_%s.first_ts is %L', v_grain, 'Time of the earliest reading.');
    execute format('comment on column tmidb.rollup_%s.last_ts is %L', v_grain, 'Time of the latest reading.');
    execute format('comment on column tmidb.rollup_%s.series_id is %L', v_grain, 'Which field of which target.');
    execute format('comment on column tmidb.rollup_%s.count is %L', v_grain, 'How many readings have the field.');
    execute format('comment on column tmidb.rollup_%s.min is %L', v_grain, 'The lowest value.');
    execute format('comment on column tmidb.rollup_%s.max is %L', v_grain, 'The highest value.');
    execute format('comment on column tmidb.rollup_%s.sum is %L', v_grain, 'All values added up, every decimal digit kept.');
    execute format('comment on column tmidb.rollup_%s.first is %L', v_grain, 'The value of the earliest reading; of two at one time, the one stored first.');
    execute format('comment on column tmidb.rollup_%s.last is %L', v_grain, 'The value of the latest reading; of two at one time, the one stored last.');
  end loop;
end $$;

-- Down Migration
drop table tmidb.rollup_cursor, tmidb.rollup_chunk, tmidb.rollup_day, tmidb.rollup_hour, tmidb.rollup_minute, tmidb.rollup_series,
  tmidb.rollup_field cascade;
drop function if exists tmidb.tg_schema_version__rollup_fields() cascade;
drop function if exists tmidb.tg_category__keep_floor() cascade;
alter table tmidb.category drop column rollup_enabled, drop column rollup_since, drop column minute_retention, drop column hour_retention,
  drop column day_retention, drop column raw_from, drop column minute_from, drop column hour_from, drop column day_from;
