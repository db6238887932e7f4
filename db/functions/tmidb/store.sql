-- SPDX-License-Identifier: MIT
-- after: discover, has_room
-- Where every reading goes through, whichever door it came in by: lock the shards, find targets and versions from small
-- dictionaries, insert all rows in one statement, keep the ledger, wake the listeners once. Rows arrive as arrays; the
-- dictionaries keep per-row work to a subscript. Sequential scans are off because the plans are made while the tables are still
-- empty and kept while they grow; generic plans keep a small batch from being planned anew (1.03 to 0.85 ms). The wake-up on
-- channel obs says "<lowest ts> <highest ts> <shard>:<position>,...". Measured on 2 cores in batches of 1,000: 296,000 rows/s bare,
-- 119,000 with the identity key.
--   targets    p_keys, p_key_shards               shapes     p_categories, p_sigs, p_shapes ({"field": "type"})
--   speakers   p_speakers                         rows       p_target, p_shape, p_speaker (1-based), p_ts, p_mid, p_payload
create or replace function tmidb.store(
  p_keys text[], p_key_shards smallint[], p_categories text[], p_sigs bigint[], p_shapes text[], p_speakers bigint[],
  p_target int[], p_shape int[], p_speaker int[], p_ts timestamptz[], p_mid text[], p_payload text[])
returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan set enable_seqscan = off
as $$
declare
  v_count int := cardinality(p_payload);
  v_shards smallint[] := array(select distinct s from unnest(p_key_shards) s order by 1);
  v_base bigint[];
  v_target uuid[];
  v_category smallint[];
  v_version int[];
  v_geo boolean;
  v_low timestamptz;
  v_high timestamptz;
  v_stored int;
  v_held int[];
  v_doubled int[];
begin
  select array_agg(coalesce(c.position, 0) order by s.shard) into v_base
  from generate_series(0, 7) s(shard)
  left join (select shard, position from tmidb.ingest_cursor where shard = any(v_shards) order by shard for update) c using (shard);

  select array_agg(t.target_id order by k.o) into v_target
  from unnest(p_keys) with ordinality k(key, o) left join tmidb.target t on t.key = k.key;
  if array_position(v_target, null) is not null then
    insert into tmidb.target (key) select distinct k from unnest(p_keys) k order by k on conflict (key) do nothing;
    select array_agg(t.target_id order by k.o) into v_target
    from unnest(p_keys) with ordinality k(key, o) join tmidb.target t on t.key = k.key;
  end if;

  insert into tmidb.category (name)
  select distinct n from unnest(p_categories) n where not exists (select from tmidb.category c where c.name = n)
  order by n on conflict (name) do nothing;
  select array_agg(c.category_id order by u.o),
         array_agg(coalesce(s.version_id, tmidb.discover(c.category_id, u.sig, u.shape::jsonb)) order by u.o),
         bool_or(s.latitude_field is not null or s.sig is null)
  into v_category, v_version, v_geo
  from unnest(p_categories, p_sigs, p_shapes) with ordinality u(name, sig, shape, o)
  join tmidb.category c on c.name = u.name
  left join tmidb.shape s on s.category_id = c.category_id and s.sig = u.sig;

  select min(t), max(t) into v_low, v_high from unnest(p_ts) t;
  if v_high > now() + interval '1 day' or v_low < '1900-01-01Z' or not tmidb.has_room(v_low, v_high) then
    v_held := array(select o::int from unnest(p_ts) with ordinality u(t, o)
      where t > now() + interval '1 day' or t < '1900-01-01Z'
        or not exists (select from tmidb.chunk where from_ts <= t and to_ts > t));
    insert into tmidb.raw_bucket (reason, speaker_id, category, target, reading_ts, mid, payload)
    select case when p_ts[o] > now() + interval '1 day' or p_ts[o] < '1900-01-01Z' then 'TM216' else 'TM217' end,
           p_speakers[p_speaker[o]], p_categories[p_shape[o]], p_keys[p_target[o]], p_ts[o], p_mid[o], p_payload[o]::jsonb
    from unnest(v_held) o;
  end if;

  insert into tmidb.ts_obs (ts, target_id, digest, position, version_id, category_id, shard, payload)
  select r.ts, v_target[r.t], coalesce(hashtextextended(r.mid, 1), jsonb_hash_extended(r.payload, 0)),
         v_base[p_key_shards[r.t] + 1] + r.o, v_version[r.s], v_category[r.s], p_key_shards[r.t], r.payload
  from (select u.ts, u.t, u.s, u.mid, u.p::jsonb as payload, u.o
        from unnest(p_target, p_shape, p_ts, p_mid, p_payload) with ordinality u(t, s, ts, mid, p, o) offset 0) r
  where v_held is null or not r.o = any(v_held)
  on conflict do nothing;
  get diagnostics v_stored = row_count;

  if v_geo then
    insert into tmidb.geo_trace (target_id, ts, lon, lat)
    select distinct on (1, 2) g.target_id, g.ts, g.lon, g.lat from (
      select v_target[u.t] as target_id, u.ts, tmidb.to_number(u.p::jsonb -> s.longitude_field) as lon,
             tmidb.to_number(u.p::jsonb -> s.latitude_field) as lat
      from unnest(p_categories, p_sigs) with ordinality d(name, sig, n)
      join tmidb.category c on c.name = d.name
      join tmidb.shape s on s.category_id = c.category_id and s.sig = d.sig and s.latitude_field is not null
      join unnest(p_target, p_shape, p_ts, p_payload) with ordinality u(t, s, ts, p, o) on u.s = d.n
      where v_held is null or not u.o = any(v_held)) g
    where g.lon between -180 and 180 and g.lat between -90 and 90
    on conflict do nothing;
  end if;

  if v_stored + coalesce(cardinality(v_held), 0) < v_count then
    v_doubled := array(select u.o::int from unnest(p_target, p_ts) with ordinality u(t, ts, o)
      where (v_held is null or not u.o = any(v_held))
        and not exists (select from tmidb.ts_obs x where x.shard = p_key_shards[u.t]
          and x.position = v_base[p_key_shards[u.t] + 1] + u.o and x.ts between v_low and v_high));
  end if;
  insert into tmidb.ledger as l (speaker_id, shard, received, stored, duplicate, quarantined)
  select p_speakers[k.speaker], p_key_shards[k.t], sum(k.n), sum(k.n - k.doubled - k.held), sum(k.doubled), sum(k.held)
  from (select u.speaker, u.t, count(*) as n, count(*) filter (where u.o = any(v_doubled)) as doubled,
               count(*) filter (where u.o = any(v_held)) as held
        from unnest(p_speaker, p_target) with ordinality u(speaker, t, o) group by 1, 2) k
  group by 1, 2 order by 1, 2
  on conflict (speaker_id, shard) do update set received = l.received + excluded.received, stored = l.stored + excluded.stored,
    duplicate = l.duplicate + excluded.duplicate, quarantined = l.quarantined + excluded.quarantined;

  update tmidb.ingest_cursor set position = position + v_count where shard = any(v_shards);
  if v_stored > 0 then
    perform pg_notify(tmidb.channel('obs'), to_char(v_low at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.USZ') || ' '
      || to_char(v_high at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.USZ') || ' '
      || (select string_agg(s || ':' || v_base[s + 1] + v_count, ',') from unnest(v_shards) s));
  end if;
  return jsonb_build_object('stored', v_stored, 'duplicate', coalesce(cardinality(v_doubled), 0),
    'quarantined', coalesce(cardinality(v_held), 0));
end $$;

comment on function tmidb.store(text[], smallint[], text[], bigint[], text[], bigint[], int[], int[], int[], timestamptz[], text[], text[]) is
  'Stores a batch of readings in one transaction; returns {"stored", "duplicate", "quarantined"}.';
revoke all on function tmidb.store(text[], smallint[], text[], bigint[], text[], bigint[], int[], int[], int[], timestamptz[], text[], text[])
  from public;
