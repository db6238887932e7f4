-- SPDX-License-Identifier: MIT
-- after: discover, unpack, origin_of, note_versions
-- Where every reading goes through, whichever door it came in by: lock the shards, find targets and versions from small
-- dictionaries, insert all rows in one statement, keep the ledger, wake the listeners once. Rows arrive as arrays; the
-- dictionaries keep per-row work to a subscript. Sequential scans are off because the plans are made while the tables are still
-- empty and kept while they grow; generic plans keep a small batch from being planned anew (1.03 to 0.85 ms). The wake-up on
-- channel obs says "<lowest ts> <highest ts> <shard>:<position>,...". Repeats are rare, so rows are inserted plainly (5.1 us a row in
-- batches of 4,000; 6.9 with "on conflict do nothing") and only a batch that hits one is sifted. p_unique names rows whose message id
-- alone says who they are, because their time is the server's.
--   targets    p_keys, p_key_shards               shapes     p_categories, p_sigs, p_shapes ({"field": "type"})
--   speakers   p_speakers                         rows       p_target, p_shape, p_speaker (1-based), p_ts, p_mid, p_payload
create or replace function tmidb.store(
  p_keys text[], p_key_shards smallint[], p_categories text[], p_sigs bigint[], p_shapes text[], p_speakers bigint[],
  p_target int[], p_shape int[], p_speaker int[], p_ts timestamptz[], p_mid text[], p_payload text[], p_unique int[] default null)
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
  v_unnoted boolean;
  v_kept interval[];
  v_low timestamptz;
  v_high timestamptz;
  v_stored int;
  v_held int[] := '{}';
  v_doubled int[] := '{}';
  v_parked int[] := '{}';
  v_doubtful boolean := false;
begin
  select array_agg((s.shard::bigint << 50) + coalesce(c.position, 0) order by s.shard) into v_base
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
         bool_or(s.latitude_field is not null or s.sig is null), array_agg(c.retention order by u.o),
         bool_or(coalesce(q.last_seen < now() - interval '1 minute', true))
  into v_category, v_version, v_geo, v_kept, v_unnoted
  from unnest(p_categories, p_sigs, p_shapes) with ordinality u(name, sig, shape, o)
  join tmidb.category c on c.name = u.name
  left join tmidb.shape s on s.category_id = c.category_id and s.sig = u.sig
  left join tmidb.version_seen q on q.version_id = s.version_id;
  if v_unnoted then perform tmidb.note_versions(v_version, p_shape, p_payload); end if;

  select min(t), max(t) into v_low, v_high from unnest(p_ts) t;
  if not exists (select from tmidb.chunk where from_ts <= v_low and to_ts > v_high and cold_at is null and v_low >= '1900-01-01Z'
                 and v_high <= now() + interval '1 day' and v_low >= all (select now() - k from unnest(v_kept) k where k is not null)) then
    with held as (
      select u.o::int, u.t > now() + interval '1 day' or u.t < '1900-01-01Z' or coalesce(u.t < now() - v_kept[u.s], false) as is_out
      from unnest(p_ts, p_shape) with ordinality u(t, s, o)
    ), named as materialized (
      select o, is_out, tmidb.origin_of(p_categories[p_shape[o]], p_keys[p_target[o]], p_ts[o], p_mid[o], p_payload[o]::jsonb) as origin
      from held where is_out or not exists (select from tmidb.chunk where from_ts <= p_ts[o] and to_ts > p_ts[o])
    ), kept as (
      insert into tmidb.raw_bucket (reason, speaker_id, category, target, reading_ts, mid, payload, origin)
      select case when is_out then 'TM216' else 'TM217' end, p_speakers[p_speaker[o]], p_categories[p_shape[o]], p_keys[p_target[o]],
             p_ts[o], p_mid[o], p_payload[o]::jsonb, origin
      from named on conflict (origin) do nothing returning origin
    ), first as (
      select min(o) as o from named join kept using (origin) group by origin
    )
    select coalesce(array_agg(n.o) filter (where f.o is not null), '{}'), coalesce(array_agg(n.o) filter (where f.o is null), '{}')
    into v_held, v_parked
    from named n left join first f using (o);
    -- Packed rows have no index that would notice a repeat.
    v_doubtful := exists (select from tmidb.chunk where cold_at is not null and from_ts <= v_high and to_ts > v_low);
  end if;

  v_doubled := v_parked;
  if p_unique is not null then
    with id as (
      select o, v_target[p_target[o]] as target_id, v_category[p_shape[o]] as category_id,
             hashtextextended(p_mid[o], jsonb_hash_extended(p_payload[o]::jsonb, 0)) as digest
      from unnest(p_unique) o
    ), fresh as (
      insert into tmidb.message_id (target_id, category_id, digest)
      select distinct target_id, category_id, digest from id on conflict do nothing returning target_id, category_id, digest
    )
    select v_parked || coalesce(array_agg(id.o), '{}') into v_doubled
    from id left join (select min(o) as o from id join fresh using (target_id, category_id, digest) group by target_id, category_id, digest) f using (o)
    where f.o is null;
  end if;

  loop
    if v_doubtful then
      select coalesce(array_agg(r.o), '{}') into v_doubled from (
        select u.o::int, v_target[u.t] as target_id, v_category[u.s] as category_id, u.ts, d.digest,
               row_number() over (partition by v_target[u.t], v_category[u.s], u.ts, d.digest order by u.o) as copy
        from unnest(p_target, p_shape, p_ts, p_mid, p_payload) with ordinality u(t, s, ts, mid, p, o)
        cross join lateral (select coalesce(hashtextextended(u.mid, 1), jsonb_hash_extended(u.p::jsonb, 0)) as digest offset 0) d
        where u.o not in (select unnest(v_held))) r
      where r.copy > 1 or r.o = any(v_doubled) or exists (
        select from tmidb.ts_obs x where x.target_id = r.target_id and x.category_id = r.category_id and x.ts = r.ts
          and coalesce(x.digest, jsonb_hash_extended(tmidb.unpack(x.version_id, x.compact), 0)) = r.digest);
    end if;
    begin
      insert into tmidb.ts_obs (ts, position, digest, target_id, version_id, category_id, payload)
      select r.ts, v_base[p_key_shards[r.t] + 1] + r.o, coalesce(hashtextextended(r.mid, 1), jsonb_hash_extended(r.payload, 0)),
             v_target[r.t], v_version[r.s], v_category[r.s], r.payload
      from (select u.ts, u.t, u.s, u.mid, u.p::jsonb as payload, u.o
            from unnest(p_target, p_shape, p_ts, p_mid, p_payload) with ordinality u(t, s, ts, mid, p, o) offset 0) r
      where r.o not in (select unnest(v_held || v_doubled));
      get diagnostics v_stored = row_count;
      exit;
    exception when unique_violation then
      if v_doubtful then raise; end if;
      v_doubtful := true;
    end;
  end loop;

  if v_geo then
    insert into tmidb.geo_trace (target_id, category_id, source_id, ts, lon, lat)
    select distinct on (1, 2, 4) g.target_id, g.category_id, g.source_id, g.ts, g.lon, g.lat from (
      select v_target[u.t] as target_id, f.category_id, f.source_id, u.ts, tmidb.to_number(u.p::jsonb -> f.longitude_field) as lon,
             tmidb.to_number(u.p::jsonb -> f.latitude_field) as lat
      from unnest(p_categories, p_sigs) with ordinality d(name, sig, n)
      join tmidb.category c on c.name = d.name
      join tmidb.shape s on s.category_id = c.category_id and s.sig = d.sig
      join tmidb.geo_source f on f.category_id = s.category_id and f.latitude_field = s.latitude_field and f.longitude_field = s.longitude_field
      join unnest(p_target, p_shape, p_ts, p_payload) with ordinality u(t, s, ts, p, o) on u.s = d.n
      where u.o <> all(v_held || v_parked)) g
    where g.lon between -180 and 180 and g.lat between -90 and 90
    on conflict do nothing;
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
      || (select string_agg(s || ':' || (v_base[s + 1] & ((1::bigint << 50) - 1)) + v_count, ',') from unnest(v_shards) s));
  end if;
  return jsonb_build_object('stored', v_stored, 'duplicate', cardinality(v_doubled),
    'quarantined', cardinality(v_held));
end $$;

comment on function tmidb.store(text[], smallint[], text[], bigint[], text[], bigint[], int[], int[], int[], timestamptz[], text[], text[], int[]) is
  'Stores a batch of readings in one transaction; returns {"stored", "duplicate", "quarantined"}.';
revoke all on function tmidb.store(text[], smallint[], text[], bigint[], text[], bigint[], int[], int[], int[], timestamptz[], text[], text[], int[])
  from public;
