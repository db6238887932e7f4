-- SPDX-License-Identifier: MIT
-- Up Migration
-- Eight streams, one a shard, become two that carry four shards each: a cursor belongs to a stream, a position to a shard. What an
-- older tmiDB left in its eight streams keeps its cursors and is stored before anything newer.

create table tmidb.stream_cursor (
  stream text primary key,
  stream_created timestamptz not null default '-infinity',
  last_seq bigint not null default 0
) with (fillfactor = 20);
insert into tmidb.stream_cursor (stream, stream_created, last_seq)
select 'TMI_IN_' || shard, stream_created, last_seq from tmidb.ingest_cursor where stream_created > '-infinity';
comment on table tmidb.stream_cursor is 'How far each stream is stored: advanced in the transaction of the rows, so each message counts exactly once.';
comment on column tmidb.stream_cursor.stream is 'Its name in JetStream.';
comment on column tmidb.stream_cursor.stream_created is 'Birth of the stream that last_seq counts in: a stream made anew counts from 1 again.';
comment on column tmidb.stream_cursor.last_seq is 'The last message of the stream that is stored.';

alter table tmidb.ingest_cursor drop column stream_created, drop column last_seq;
comment on table tmidb.ingest_cursor is 'Who writes rows of a shard holds its row here; they get the next positions.';

drop function if exists tmidb.open_shard(smallint, timestamptz, bigint);
drop function if exists tmidb.ingest_batch(smallint[], timestamptz[], bigint[], bigint[], jsonb, text[], smallint[], text[], bigint[],
  text[], bigint[], int[], int[], int[], timestamptz[], text[], text[]);
-- The form of before step 0003: beside the one with a default it would be chosen.
drop function if exists tmidb.store(text[], smallint[], text[], bigint[], text[], bigint[], int[], int[], int[], timestamptz[], text[], text[]);

-- Down Migration
alter table tmidb.ingest_cursor add stream_created timestamptz not null default '-infinity', add last_seq bigint not null default 0;
update tmidb.ingest_cursor c set stream_created = s.stream_created, last_seq = s.last_seq
from tmidb.stream_cursor s where s.stream = 'TMI_IN_' || c.shard;
comment on table tmidb.ingest_cursor is 'How far each shard''s stream is stored: advanced in the transaction of the rows, so each message counts exactly once.';
comment on column tmidb.ingest_cursor.stream_created is 'Birth of the stream that last_seq counts in: a stream made anew counts from 1 again.';
comment on column tmidb.ingest_cursor.last_seq is 'The last message of the stream that is stored.';
drop function if exists tmidb.stored_upto(text[]);
drop function if exists tmidb.open_stream(text, timestamptz, bigint, bigint);
drop function if exists tmidb.store_sifted(text[], smallint[], text[], bigint[], text[], bigint[], int[], int[], int[], timestamptz[], text[],
  text[], int[]);
drop function if exists tmidb.ingest_batch(text, timestamptz, bigint, bigint, jsonb, boolean, text[], smallint[], text[], bigint[], text[],
  bigint[], int[], int[], int[], timestamptz[], text[], text[], int[]);
drop table tmidb.stream_cursor;
