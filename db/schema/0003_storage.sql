-- SPDX-License-Identifier: MIT
-- Up Migration
-- Readings in a narrower row and one table a chunk: the shard is part of the position, so that one index serves both, and a day
-- that has gone cold keeps its values packed. With TimescaleDB (loaded by the server) ts_obs is a hypertable instead. What an
-- instance already holds moves over.

alter table tmidb.chunk add cold_at timestamptz;
comment on column tmidb.chunk.cold_at is 'When its readings were packed; null while it is hot.';

alter table tmidb.instance add cold_after interval default '30 days';
comment on column tmidb.instance.cold_after is 'How old a chunk is when its readings are packed; null: never.';

alter table tmidb.ts_obs rename to ts_obs_0002;
alter table tmidb.ts_obs_0002 rename constraint ts_obs_pkey to ts_obs_0002_pkey;
alter index tmidb.ts_obs_position_idx rename to ts_obs_0002_position_idx;

do $$
declare
  c tmidb.chunk;
  v_columns text := 'ts timestamptz not null, position bigint not null, digest bigint, target_id uuid not null,
    version_id integer not null, category_id smallint not null, compact bytea, payload jsonb,
    constraint reading_has_a_payload check (payload is not null or compact is not null)';
  v_moves boolean;
begin
  if exists (select from pg_extension where extname = 'timescaledb') then
    execute format('create table tmidb.ts_obs (%s)', v_columns);
    perform public.create_hypertable('tmidb.ts_obs', 'ts', chunk_time_interval => interval '1 day', create_default_indexes => false);
    create unique index ts_obs_identity_idx on tmidb.ts_obs (target_id, category_id, ts, digest);
    create index ts_obs_position_idx on tmidb.ts_obs (position);
    alter table tmidb.ts_obs_0002 no force row level security;
    insert into tmidb.ts_obs select ts, (shard::bigint << 50) + position, digest, target_id, version_id, category_id, null, payload
    from tmidb.ts_obs_0002;
    delete from tmidb.chunk;
    insert into tmidb.chunk (from_ts, to_ts, name) values ('-infinity', 'infinity', 'hypertable');
  else
    execute format('create table tmidb.ts_obs (%s) partition by range (ts)', v_columns);
  end if;
  -- What was parked for want of room may have none now: chunks are made again for what is there.
  for c in select * from tmidb.chunk where name <> 'hypertable' loop
    -- Forced row security without a policy would show nothing of it.
    execute format('alter table tmidb_parts.%I no force row level security', c.name);
    execute format('select exists (select from tmidb_parts.%I)', c.name) into v_moves;
    execute format('alter table tmidb.ts_obs_0002 detach partition tmidb_parts.%I', c.name);
    execute format('alter table tmidb_parts.%I rename to %I', c.name, c.name || '_0002');
    execute format('create table tmidb_parts.%I (like tmidb.ts_obs including constraints)', c.name);
    if v_moves then
      execute format('insert into tmidb_parts.%I select ts, (shard::bigint << 50) + position, digest, target_id, version_id, category_id,
        null, payload from tmidb_parts.%I order by position', c.name, c.name || '_0002');
    end if;
    execute format('drop table tmidb_parts.%I', c.name || '_0002');
    execute format('create unique index %I on tmidb_parts.%I (target_id, category_id, ts, digest)', c.name || '_identity_idx', c.name);
    execute format('create index %I on tmidb_parts.%I (position)', c.name || '_position_idx', c.name);
    execute format('alter table tmidb_parts.%I enable row level security, force row level security', c.name);
    execute format('create policy owner_all on tmidb_parts.%I to tmidb_owner using (true) with check (true)', c.name);
    execute format('alter table tmidb.ts_obs attach partition tmidb_parts.%I for values from (%L) to (%L)', c.name, c.from_ts, c.to_ts);
  end loop;
end $$;
-- The generated views go with it; they are made again when the functions are applied.
drop table tmidb.ts_obs_0002 cascade;
delete from tmidb.published_view;

comment on table tmidb.ts_obs is 'Every reading, once: one payload of one target in one category at one time.';
comment on column tmidb.ts_obs.ts is 'Time of the reading: the sender''s, else when it arrived.';
comment on column tmidb.ts_obs.position is
  'Shard (bits 50 to 52) and a number that counts up within it in commit order; what live cursors are made of.';
comment on column tmidb.ts_obs.digest is
  'Hash of the sender''s message id if it gave one, else of the payload: the same reading sent again changes nothing. Null in a packed row: that of its payload.';
comment on column tmidb.ts_obs.target_id is 'What it is of.';
comment on column tmidb.ts_obs.version_id is 'The schema version that its payload made or fits.';
comment on column tmidb.ts_obs.category_id is 'The stream of readings it belongs to.';
comment on column tmidb.ts_obs.compact is 'The values of a reading in a cold chunk, packed by tmidb.pack; the names are those of its version.';
comment on column tmidb.ts_obs.payload is 'What was sent, whole; null where it is packed.';
comment on table tmidb.chunk is 'The pieces of time that ts_obs has room for.';
comment on column tmidb.chunk.name is 'Its table in tmidb_parts; "hypertable" where TimescaleDB makes room by itself.';

create table tmidb.message_id (
  target_id uuid not null,
  category_id smallint not null,
  digest bigint not null,
  at timestamptz not null default now(),
  constraint message_id_pkey primary key (target_id, category_id, digest)
);
create index message_id_at_idx on tmidb.message_id using brin (at);
comment on table tmidb.message_id is
  'Messages of the last day that gave an id and no time of their own: sent again they would get another time, and only the id tells.';
comment on column tmidb.message_id.target_id is 'What the reading is of.';
comment on column tmidb.message_id.category_id is 'The stream of readings it belongs to.';
comment on column tmidb.message_id.digest is 'Hash of message id and payload: a device that counts from 1 again after a restart is not mistaken.';
comment on column tmidb.message_id.at is 'When it was stored; kept for a day.';

-- Down Migration
-- Packed readings cannot be read without the functions of this version: unpack them first.
do $$
begin
  if exists (select from tmidb.chunk where cold_at is not null) then
    raise exception 'There are cold chunks.' using hint = 'Set tmidb.instance.cold_after to null and run select tmidb.rewrite_chunk(from_ts, false) from tmidb.chunk where cold_at is not null.';
  end if;
end $$;
drop table tmidb.message_id;
alter table tmidb.ts_obs rename to ts_obs_0003;
do $$
declare
  i text;
begin
  for i in select indexname from pg_indexes where schemaname = 'tmidb' and tablename = 'ts_obs_0003' loop
    execute format('alter index tmidb.%I rename to %I', i, i || '_0003');
  end loop;
end $$;
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
do $$
declare
  c tmidb.chunk;
  d timestamptz;
begin
  if exists (select from tmidb.chunk where name = 'hypertable') then
    delete from tmidb.chunk;
    for d in select distinct date_trunc('day', ts, 'UTC') from tmidb.ts_obs_0003
             union select date_trunc('day', now() + n * interval '1 day', 'UTC') from generate_series(-1, 3) n loop
      insert into tmidb.chunk (from_ts, to_ts, name)
      values (d, d + interval '1 day', 'ts_obs_' || to_char(d at time zone 'UTC', 'YYYYMMDD'));
    end loop;
  else
    for c in select * from tmidb.chunk loop
      execute format('alter table tmidb_parts.%I rename to %I', c.name, c.name || '_0003');
    end loop;
  end if;
  for c in select * from tmidb.chunk loop
    execute format('create table tmidb_parts.%I partition of tmidb.ts_obs for values from (%L) to (%L) partition by hash (target_id)',
      c.name, c.from_ts, c.to_ts);
    for i in 0..7 loop
      execute format('create table tmidb_parts.%I partition of tmidb_parts.%I for values with (modulus 8, remainder %s)',
        c.name || '_' || i, c.name, i);
      execute format('alter table tmidb_parts.%I enable row level security, force row level security', c.name || '_' || i);
    end loop;
    execute format('alter table tmidb_parts.%I enable row level security, force row level security', c.name);
  end loop;
end $$;
alter table tmidb.ts_obs_0003 no force row level security;
insert into tmidb.ts_obs (ts, target_id, digest, position, version_id, category_id, shard, payload)
select ts, target_id, digest, position & ((1::bigint << 50) - 1), version_id, category_id, (position >> 50)::smallint, payload
from tmidb.ts_obs_0003;
drop table tmidb.ts_obs_0003 cascade;
delete from tmidb.published_view;
comment on table tmidb.chunk is 'The pieces of time that ts_obs has room for.';
comment on column tmidb.chunk.name is 'Its table in tmidb_parts, cut by target into eight.';
alter table tmidb.chunk drop cold_at;
alter table tmidb.instance drop cold_after;
