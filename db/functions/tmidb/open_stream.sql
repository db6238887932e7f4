-- SPDX-License-Identifier: MIT
-- after: record_audit
-- Where to go on in a stream. A stream that was made anew counts from 1, so the cursor starts over with it; positions do not. If the
-- stream has already dropped messages behind the cursor, the cursor jumps to what is left. If the stream ends before the cursor, it
-- has lost its end and counts again over numbers that were stored: all that it holds is read again, and what was stored is noticed
-- as a repeat. Both leave an audit row.
create or replace function tmidb.open_stream(p_stream text, p_created timestamptz, p_first_seq bigint, p_last_seq bigint) returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v tmidb.stream_cursor;
begin
  insert into tmidb.stream_cursor (stream, stream_created) values (p_stream, p_created) on conflict do nothing;
  select * into v from tmidb.stream_cursor where stream = p_stream for update;
  if v.stream_created <> p_created then
    v.last_seq := 0;
    update tmidb.stream_cursor set stream_created = p_created, last_seq = 0 where stream = p_stream;
  elsif v.last_seq > p_last_seq then
    perform tmidb.record_audit('ingest.cut', 'drain',
      jsonb_build_object('stream', p_stream, 'stored', v.last_seq, 'last', p_last_seq));
    v.last_seq := greatest(p_first_seq - 1, 0);
    update tmidb.stream_cursor set last_seq = v.last_seq where stream = p_stream;
  end if;
  if p_first_seq > v.last_seq + 1 then
    perform tmidb.record_audit('ingest.gap', 'drain',
      jsonb_build_object('stream', p_stream, 'from', v.last_seq + 1, 'to', p_first_seq - 1));
    v.last_seq := p_first_seq - 1;
    update tmidb.stream_cursor set last_seq = v.last_seq where stream = p_stream;
  end if;
  return v.last_seq;
end $$;

comment on function tmidb.open_stream(text, timestamptz, bigint, bigint) is 'The last stored sequence of a stream, of which JetStream holds p_first_seq to p_last_seq.';
revoke all on function tmidb.open_stream(text, timestamptz, bigint, bigint) from public;
grant execute on function tmidb.open_stream(text, timestamptz, bigint, bigint) to tmidb_drain;
