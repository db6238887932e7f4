-- SPDX-License-Identifier: MIT
-- after: store_raw, dead_letter_rows, record_audit
-- Tries all that the filters name again, oldest first, a batch a call: call it with "last" of the answer as p_after until that is null.
create or replace function tmidb.replay_dead_letters(p_reason text default null, p_category text default null, p_speaker text default null,
  p_since timestamptz default null, p_limit integer default 500, p_after bigint default null)
returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_ids bigint[] := array(select raw_id from tmidb.dead_letter_rows(p_reason, p_category, p_speaker, p_since)
    where raw_id > coalesce(p_after, 0) order by raw_id limit least(greatest(p_limit, 1), 5000));
  v_result jsonb;
begin
  v_result := tmidb.store_raw(v_ids) || jsonb_build_object('last', v_ids[cardinality(v_ids)]);
  if cardinality(v_ids) > 0 then
    perform tmidb.record_audit('dead_letter.replayed', null, jsonb_build_object(
      'first', v_ids[1], 'last', v_result->'last', 'tried', v_result->'tried', 'replayed', v_result->'replayed',
      'reason', p_reason, 'category', p_category, 'speaker', p_speaker, 'since', p_since));
  end if;
  return v_result;
end $$;

comment on function tmidb.replay_dead_letters(text, text, text, timestamptz, integer, bigint) is
  'Stores a batch of dead letters; returns {"tried", "replayed", "stored", "duplicate", "failed", "last"}.';
revoke all on function tmidb.replay_dead_letters(text, text, text, timestamptz, integer, bigint) from public;
grant execute on function tmidb.replay_dead_letters(text, text, text, timestamptz, integer, bigint) to tmidb_editor, tmidb_admin;
