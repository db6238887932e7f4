-- SPDX-License-Identifier: MIT
-- after: store, sift_strict, quarantine, origin_of
-- A batch that PostgreSQL refuses (a constraint or trigger that somebody put on ts_obs, a value that nothing can hold): halved
-- until what is refused stands alone. All others are stored in their order, each half in a subtransaction of the same transaction;
-- the ones that stand alone are parked with PostgreSQL's own words. 40 bad ones in a batch of 4,000 cost some 500 halves. What would
-- pass by itself (no connection, deadlock, full disk, shutdown) is no fault of a reading and is raised.
create or replace function tmidb.store_sifted(
  p_keys text[], p_key_shards smallint[], p_categories text[], p_sigs bigint[], p_shapes text[], p_speakers bigint[],
  p_target int[], p_shape int[], p_speaker int[], p_ts timestamptz[], p_mid text[], p_payload text[], p_unique int[])
returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_count int := cardinality(p_payload);
  v_half int := v_count / 2;
  v_state text;
  v_message text;
  v_kept int;
  v_low jsonb;
  v_high jsonb;
begin
  begin
    return tmidb.store(p_keys, p_key_shards, p_categories, p_sigs, p_shapes, p_speakers,
      p_target, p_shape, p_speaker, p_ts, p_mid, p_payload, nullif(p_unique, '{}'));
  exception when others then
    get stacked diagnostics v_state = returned_sqlstate, v_message = message_text;
    if v_state = 'TM223' then
      return tmidb.sift_strict(p_keys, p_key_shards, p_categories, p_sigs, p_shapes, p_speakers,
        p_target, p_shape, p_speaker, p_ts, p_mid, p_payload, p_unique);
    end if;
    if v_state ~ '^(08|25|40|53|55|57|58|XX001|XX002)' or v_count = 0 then raise; end if;
  end;
  if v_count = 1 then
    v_kept := tmidb.quarantine(jsonb_build_array(jsonb_build_object('code', 'TM218', 'message', v_message,
      'speaker', p_speakers[p_speaker[1]], 'shard', p_key_shards[p_target[1]], 'category', p_categories[p_shape[1]],
      'target', p_keys[p_target[1]], 'raw', translate(encode(convert_to(p_payload[1], 'UTF8'), 'base64'), E'\n', ''),
      'ts', (extract(epoch from p_ts[1]) * 1000000)::bigint, 'mid', p_mid[1],
      'origin', tmidb.origin_of(p_categories[p_shape[1]], p_keys[p_target[1]], p_ts[1], p_mid[1], to_jsonb(p_payload[1])))));
    return jsonb_build_object('stored', 0, 'duplicate', 1 - v_kept, 'quarantined', v_kept);
  end if;
  v_low := tmidb.store_sifted(p_keys, p_key_shards, p_categories, p_sigs, p_shapes, p_speakers,
    p_target[:v_half], p_shape[:v_half], p_speaker[:v_half], p_ts[:v_half], p_mid[:v_half], p_payload[:v_half],
    array(select o from unnest(p_unique) o where o <= v_half));
  v_high := tmidb.store_sifted(p_keys, p_key_shards, p_categories, p_sigs, p_shapes, p_speakers,
    p_target[v_half + 1:], p_shape[v_half + 1:], p_speaker[v_half + 1:], p_ts[v_half + 1:], p_mid[v_half + 1:], p_payload[v_half + 1:],
    array(select o - v_half from unnest(p_unique) o where o > v_half));
  return (select jsonb_object_agg(key, l.value::int + (v_high ->> key)::int) from jsonb_each_text(v_low) l);
end $$;

comment on function tmidb.store_sifted(text[], smallint[], text[], bigint[], text[], bigint[], int[], int[], int[], timestamptz[], text[],
  text[], int[]) is 'Like tmidb.store, but readings that PostgreSQL refuses are parked one by one (TM218).';
revoke all on function tmidb.store_sifted(text[], smallint[], text[], bigint[], text[], bigint[], int[], int[], int[], timestamptz[], text[],
  text[], int[]) from public;
