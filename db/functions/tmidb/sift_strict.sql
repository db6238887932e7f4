-- SPDX-License-Identifier: MIT
-- after: discover, shape_of, quarantine, origin_of
-- A batch that strict categories refuse (TM223): their readings of unknown shapes are looked at each by itself, because a shape that a
-- way in made may be of several readings. Those whose own shape breaks nothing are stored with the others, the rest is parked
-- with the difference, and can be replayed when "strict" was lifted. What is stored locks its cursors first, then comes the ledger.
create or replace function tmidb.sift_strict(
  p_keys text[], p_key_shards smallint[], p_categories text[], p_sigs bigint[], p_shapes text[], p_speakers bigint[],
  p_target int[], p_shape int[], p_speaker int[], p_ts timestamptz[], p_mid text[], p_payload text[], p_unique int[])
returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_own record;
  v_message text;
  v_parked jsonb := '[]';
  v_refused int[] := '{}';
  v_rest int[];
  v_row int;
  v_kept int;
  v_result jsonb;
begin
  for v_own in
    select d.category_id, d.name, d.n, tmidb.shape_of(u.payload::jsonb) as shape, array_agg(u.o::int order by u.o) as rows
    from (select c.category_id, c.name, x.n::int from unnest(p_categories, p_sigs) with ordinality x(name, sig, n)
          join tmidb.category c on c.name = x.name and c.is_strict
          where not exists (select from tmidb.shape s where s.category_id = c.category_id and s.sig = x.sig)) d
    left join unnest(p_shape, p_payload) with ordinality u(s, payload, o) on u.s = d.n
    group by 1, 2, 3, 4 order by min(u.o)
  loop
    -- Nobody refers to the shape of the way in any more: that of an empty reading takes its place.
    p_shapes[v_own.n] := '{}';
    p_sigs[v_own.n] := hashtextextended('{}', 0);
    continue when v_own.shape is null;
    begin
      perform tmidb.discover(v_own.category_id, hashtextextended(v_own.shape::text, 0), v_own.shape);
      p_categories := array_append(p_categories, v_own.name);
      p_sigs := array_append(p_sigs, hashtextextended(v_own.shape::text, 0));
      p_shapes := array_append(p_shapes, v_own.shape::text);
      foreach v_row in array v_own.rows loop p_shape[v_row] := cardinality(p_sigs); end loop;
    exception when sqlstate 'TM223' then
      get stacked diagnostics v_message = message_text;
      v_refused := v_refused || v_own.rows;
      v_parked := v_parked || (
        select jsonb_agg(jsonb_build_object('code', 'TM223', 'message', v_message, 'payload', true, 'speaker', p_speakers[p_speaker[o]],
          'shard', p_key_shards[p_target[o]], 'category', v_own.name, 'target', p_keys[p_target[o]],
          'raw', translate(encode(convert_to(p_payload[o], 'UTF8'), 'base64'), E'\n', ''), 'ts', (extract(epoch from p_ts[o]) * 1000000)::bigint,
          'mid', p_mid[o], 'origin', tmidb.origin_of(v_own.name, p_keys[p_target[o]], p_ts[o], p_mid[o], p_payload[o]::jsonb)) order by o)
        from unnest(v_own.rows) o);
    end;
  end loop;
  v_rest := array(select o from generate_series(1, cardinality(p_payload)) o where o <> all(v_refused));
  v_result := tmidb.store_sifted(p_keys, p_key_shards, p_categories, p_sigs, p_shapes, p_speakers,
    array(select p_target[o] from unnest(v_rest) o), array(select p_shape[o] from unnest(v_rest) o), array(select p_speaker[o] from unnest(v_rest) o),
    array(select p_ts[o] from unnest(v_rest) o), array(select p_mid[o] from unnest(v_rest) o), array(select p_payload[o] from unnest(v_rest) o),
    array(select n::int from unnest(v_rest) with ordinality r(o, n) where o = any(p_unique)));
  v_kept := tmidb.quarantine(v_parked);
  return v_result || jsonb_build_object('duplicate', (v_result->>'duplicate')::int + cardinality(v_refused) - v_kept,
    'quarantined', (v_result->>'quarantined')::int + v_kept);
end $$;

comment on function tmidb.sift_strict(text[], smallint[], text[], bigint[], text[], bigint[], int[], int[], int[], timestamptz[], text[],
  text[], int[]) is 'Like tmidb.store_sifted, but readings that would break a strict category are parked (TM223).';
revoke all on function tmidb.sift_strict(text[], smallint[], text[], bigint[], text[], bigint[], int[], int[], int[], timestamptz[], text[],
  text[], int[]) from public;
