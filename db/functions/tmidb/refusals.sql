-- SPDX-License-Identifier: MIT
-- after: refused_targets
-- tmidb.refused_targets for readings [{"target", ...}], as tmidb.admit_reading takes it. Who may write everything is not looked up further.
create or replace function tmidb.refusals(p_speaker_id bigint, p_bound text, p_category text, p_readings jsonb) returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select case when s.is_restricted or not s.may_create then (
    select coalesce(jsonb_object_agg(r.target, r.code), '{}')
    from tmidb.refused_targets(p_speaker_id, p_category, array(
      select k from jsonb_array_elements(p_readings) x cross join lateral (select coalesce(x->>'target', p_bound)) t(k) where k is not null)) r)
    else '{}' end
  from tmidb.speaker s where s.speaker_id = p_speaker_id
$$;
comment on function tmidb.refusals(bigint, text, text, jsonb) is 'Targets of these readings that a speaker may not write, {"<key>": code}.';
revoke all on function tmidb.refusals(bigint, text, text, jsonb) from public;
