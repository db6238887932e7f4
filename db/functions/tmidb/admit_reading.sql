-- SPDX-License-Identifier: MIT
-- after: check_reading, reading_ts
-- One reading {"target", "ts", "mid", "data"} as a speaker may write it, in the form that tmidb.store_json takes; raises what is wrong.
-- p_bound is the one target of a speaker that has one; p_refused has the targets that it may not write, {"<key>": code}.
create or replace function tmidb.admit_reading(p_speaker_id bigint, p_bound text, p_refused jsonb, p_category text, p_reading jsonb)
returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_target text := coalesce(p_reading->>'target', p_bound);
  v_data jsonb;
begin
  if jsonb_typeof(p_reading) <> 'object' then
    raise exception 'A reading is a JSON object.' using errcode = 'TM202', hint = 'Wrap the value: {"value": 21.5}.';
  end if;
  v_data := coalesce(p_reading->'data', p_reading - array['target', 'ts', 'mid']);
  if p_reading ? 'data' and p_reading - array['target', 'ts', 'mid', 'data'] <> '{}' then
    raise exception 'There are keys beside "data".' using errcode = 'TM215', hint = 'Put every field inside "data", or leave "data" out.';
  end if;
  perform tmidb.check_reading(p_category, v_target, v_data);
  if p_bound is not null and v_target <> p_bound then
    raise exception 'This speaker writes only its own target.' using errcode = 'TM102', hint = 'Leave the target out.';
  end if;
  if p_refused->>v_target = 'TM103' then
    raise exception 'This speaker may not make new targets or categories.' using errcode = 'TM103',
      hint = 'Create them first, or allow it for the speaker.';
  elsif p_refused ? v_target then
    raise exception 'The target % may not be written.', quote_literal(v_target) using errcode = 'TM102',
      hint = 'Ask an administrator to grant it: select tmidb.grant_access(...).';
  end if;
  return jsonb_build_object('category', p_category, 'target', v_target, 'ts', coalesce(tmidb.reading_ts(p_reading->'ts'), now()),
    'mid', p_reading->>'mid', 'data', v_data, 'speaker', p_speaker_id);
end $$;

comment on function tmidb.admit_reading(bigint, text, jsonb, text, jsonb) is 'The gate and the rights of a speaker for one reading.';
revoke all on function tmidb.admit_reading(bigint, text, jsonb, text, jsonb) from public;
