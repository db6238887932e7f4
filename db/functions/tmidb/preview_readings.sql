-- SPDX-License-Identifier: MIT
-- after: admit_reading, refusals, refusal, target_key
-- What a run would store, for a run that only tries: the first 20 readings as the gate would take them, or why not.
create or replace function tmidb.preview_readings(p_speaker_id bigint, p_category text, p_readings jsonb, p_refused jsonb) returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
  c_most constant int := 20;
  v_bound text;
  v_denied jsonb;
  v_one jsonb;
  v_all jsonb := '[]';
begin
  select tmidb.target_key(target_id) into v_bound from tmidb.speaker where speaker_id = p_speaker_id;
  v_denied := tmidb.refusals(p_speaker_id, v_bound, p_category, p_readings);
  for v_one in (select x from jsonb_array_elements(p_readings) x limit c_most) union all (select x from jsonb_array_elements(p_refused) x limit c_most) loop
    begin
      if not v_one ? 'code' then
        v_one := tmidb.admit_reading(p_speaker_id, v_bound, v_denied, p_category, v_one)
          - array_remove(array['speaker', 'category', case when v_one->>'mid' is null then 'mid' end], null);
      end if;
    exception when others then
      v_one := v_one || tmidb.refusal(SQLSTATE, SQLERRM);
    end;
    v_all := v_all || jsonb_build_array(v_one);
  end loop;
  return v_all;
end $$;

comment on function tmidb.preview_readings(bigint, text, jsonb, jsonb) is 'The first readings of a run that only tries.';
revoke all on function tmidb.preview_readings(bigint, text, jsonb, jsonb) from public;
