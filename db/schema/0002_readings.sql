-- SPDX-License-Identifier: MIT
-- Up Migration
-- Where readings live. ts_obs is cut by time, each piece by target; the pieces are made by tmidb.make_chunk, ahead of time.

create table tmidb.ts_obs (
  ts timestamptz not null,
  target_id uuid not null,
  digest bigint not null,
  position bigint not null,
  version_id integer not null,
  category_id smallint not null,
  shard smallint not null,
  payload jsonb not null,
  constraint ts_obs_pkey primary key (target_id, category_id, ts, digest)
) partition by range (ts);
create index ts_obs_position_idx on tmidb.ts_obs (shard, position);
comment on table tmidb.ts_obs is 'Every reading, once: one payload of one target in one category at one time.';
comment on column tmidb.ts_obs.ts is 'Time of the reading: the sender''s, else when it arrived.';
comment on column tmidb.ts_obs.target_id is 'What it is of.';
comment on column tmidb.ts_obs.digest is 'Hash of the sender''s message id if it gave one, else of the payload: the same reading sent again changes nothing.';
comment on column tmidb.ts_obs.position is 'Counts up within the shard in commit order; what live cursors are made of.';
comment on column tmidb.ts_obs.version_id is 'The schema version that its payload made or fits.';
comment on column tmidb.ts_obs.category_id is 'The stream of readings it belongs to.';
comment on column tmidb.ts_obs.shard is '0 to 7, from the target''s key; order is kept within it.';
comment on column tmidb.ts_obs.payload is 'What was sent, whole.';

create table tmidb.chunk (
  from_ts timestamptz primary key,
  to_ts timestamptz not null,
  name text not null,
  created_at timestamptz not null default now(),
  constraint chunk_is_not_empty check (from_ts < to_ts)
);
comment on table tmidb.chunk is 'The pieces of time that ts_obs has room for.';
comment on column tmidb.chunk.from_ts is 'The first moment in it.';
comment on column tmidb.chunk.to_ts is 'The first moment behind it.';
comment on column tmidb.chunk.name is 'Its table in tmidb_parts, cut by target into eight.';
comment on column tmidb.chunk.created_at is 'When it was made.';

create table tmidb.geo_trace (
  target_id uuid not null references tmidb.target on delete cascade,
  ts timestamptz not null,
  lon double precision not null,
  lat double precision not null,
  constraint geo_trace_pkey primary key (target_id, ts),
  constraint longitude_is_degrees check (lon between -180 and 180),
  constraint latitude_is_degrees check (lat between -90 and 90)
);
comment on table tmidb.geo_trace is 'Where targets were, from readings that hold a latitude and a longitude, in degrees.';
comment on column tmidb.geo_trace.target_id is 'What was there.';
comment on column tmidb.geo_trace.ts is 'When it was there.';
comment on column tmidb.geo_trace.lon is 'Longitude in degrees.';
comment on column tmidb.geo_trace.lat is 'Latitude in degrees.';

create table tmidb.raw_bucket (
  raw_id bigint generated always as identity primary key,
  ts timestamptz not null default now(),
  reason text not null,
  message text,
  speaker_id bigint,
  category text,
  target text,
  reading_ts timestamptz,
  mid text,
  payload jsonb,
  raw bytea,
  constraint raw_bucket_keeps_something check (payload is not null or raw is not null)
);
create index raw_bucket_reason_idx on tmidb.raw_bucket (reason, ts);
comment on table tmidb.raw_bucket is 'What was acknowledged and could not be stored, with the reason; nothing is lost, all can be repaired and replayed.';
comment on column tmidb.raw_bucket.raw_id is 'Identity.';
comment on column tmidb.raw_bucket.ts is 'When it was put here.';
comment on column tmidb.raw_bucket.reason is 'Code in tmidb.error_code; TM217 is stored by itself as soon as its chunk is there.';
comment on column tmidb.raw_bucket.message is 'What is wrong with this one.';
comment on column tmidb.raw_bucket.speaker_id is 'Who sent it.';
comment on column tmidb.raw_bucket.category is 'The category it was sent to.';
comment on column tmidb.raw_bucket.target is 'The target it was sent for.';
comment on column tmidb.raw_bucket.reading_ts is 'The time that it gives.';
comment on column tmidb.raw_bucket.mid is 'The message id that it gives.';
comment on column tmidb.raw_bucket.payload is 'The reading, where it is one.';
comment on column tmidb.raw_bucket.raw is 'The bytes as they came, where they are not JSON.';

create table tmidb.ingest_cursor (
  shard smallint primary key,
  stream_created timestamptz not null default '-infinity',
  last_seq bigint not null default 0,
  position bigint not null default 0,
  constraint shard_is_one_of_eight check (shard between 0 and 7)
) with (fillfactor = 20);
insert into tmidb.ingest_cursor (shard) select generate_series(0, 7);
comment on table tmidb.ingest_cursor is 'How far each shard''s stream is stored: advanced in the transaction of the rows, so each message counts exactly once.';
comment on column tmidb.ingest_cursor.shard is '0 to 7.';
comment on column tmidb.ingest_cursor.stream_created is 'Birth of the stream that last_seq counts in: a stream made anew counts from 1 again.';
comment on column tmidb.ingest_cursor.last_seq is 'The last message of the stream that is stored.';
comment on column tmidb.ingest_cursor.position is 'The last position given to a row of the shard.';

create table tmidb.ledger (
  speaker_id bigint not null,
  shard smallint not null,
  received bigint not null default 0,
  stored bigint not null default 0,
  duplicate bigint not null default 0,
  quarantined bigint not null default 0,
  constraint ledger_pkey primary key (speaker_id, shard),
  constraint ledger_balances check (received = stored + duplicate + quarantined)
) with (fillfactor = 20);
comment on table tmidb.ledger is 'Per speaker and shard: received = stored + duplicate + quarantined.';
comment on column tmidb.ledger.speaker_id is 'Who sent.';
comment on column tmidb.ledger.shard is 'The shard it counts for; each is written by one transaction at a time.';
comment on column tmidb.ledger.received is 'Readings that reached the database.';
comment on column tmidb.ledger.stored is 'Readings that are in ts_obs.';
comment on column tmidb.ledger.duplicate is 'Readings that were stored before.';
comment on column tmidb.ledger.quarantined is 'Readings that are in raw_bucket.';

create table tmidb.audit (
  audit_id bigint generated always as identity primary key,
  at timestamptz not null default now(),
  kind text not null,
  actor text,
  detail jsonb not null default '{}'
);
create index audit_at_idx on tmidb.audit (at);
comment on table tmidb.audit is 'What was done or refused, by whom.';
comment on column tmidb.audit.audit_id is 'Identity.';
comment on column tmidb.audit.at is 'When it happened.';
comment on column tmidb.audit.kind is 'What happened, such as token.revoked or mqtt.denied.';
comment on column tmidb.audit.actor is 'Who did it, or tried.';
comment on column tmidb.audit.detail is 'What else is known of it.';

-- Down Migration
drop table tmidb.audit, tmidb.ledger, tmidb.ingest_cursor, tmidb.raw_bucket, tmidb.geo_trace, tmidb.chunk, tmidb.ts_obs cascade;
