-- SPDX-License-Identifier: MIT
-- after: store_raw, record_audit
-- Tries one again. That it fails again is an answer and no error: the row says so and counts the attempt.
create or replace function tmidb.replay_dead_letter(p_raw_id bigint) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_result jsonb := tmidb.store_raw(array[p_raw_id]);
begin
  if (v_result->>'tried')::int = 0 then
    raise exception 'There is no dead letter %.', p_raw_id using errcode = 'TM107',
      hint = 'It was replayed or discarded, or somebody is replaying it right now.';
  end if;
  perform tmidb.record_audit('dead_letter.replayed', null,
    v_result || jsonb_build_object('raw_id', p_raw_id));
  return jsonb_build_object('raw_id', p_raw_id, 'replayed', v_result->'replayed' = '1', 'stored', v_result->'stored',
    'duplicate', v_result->'duplicate', 'code', v_result#>'{failed,0,code}', 'message', v_result#>'{failed,0,message}');
end $$;

comment on function tmidb.replay_dead_letter(bigint) is
  'Stores a dead letter; returns {"replayed", "stored", "duplicate", "code", "message"}, the last two if it failed again.';
revoke all on function tmidb.replay_dead_letter(bigint) from public;
grant execute on function tmidb.replay_dead_letter(bigint) to tmidb_editor, tmidb_admin;
