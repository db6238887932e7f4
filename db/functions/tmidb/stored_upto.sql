-- SPDX-License-Identifier: MIT
-- How far streams are stored, for a way in that answers only after the commit.
create or replace function tmidb.stored_upto(p_streams text[]) returns bigint[]
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select array_agg(coalesce(c.last_seq, 0) order by u.o)
  from unnest(p_streams) with ordinality u(stream, o) left join tmidb.stream_cursor c using (stream)
$$;

comment on function tmidb.stored_upto(text[]) is 'The last stored sequence of each of these streams.';
revoke all on function tmidb.stored_upto(text[]) from public;
grant execute on function tmidb.stored_upto(text[]) to tmidb_edge;
