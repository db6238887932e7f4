-- SPDX-License-Identifier: MIT
-- after: dead_letter, record_audit
-- Repairs a dead letter; null leaves a part as it is. p_payload is the fields of one reading and takes the place of what came; p_raw
-- is the message anew, with its target, ts and mid in it. What it held first is kept beside until it is replayed.
create or replace function tmidb.edit_dead_letter(p_raw_id bigint, p_payload jsonb default null, p_category text default null,
  p_target text default null, p_ts timestamptz default null, p_raw text default null)
returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_edited text[] := array_remove(array[case when p_payload is not null then 'payload' end, case when p_category is not null then 'category' end,
    case when p_target is not null then 'target' end, case when p_ts is not null then 'ts' end, case when p_raw is not null then 'raw' end], null);
begin
  if v_edited = '{}' or (p_payload is not null and p_raw is not null) then
    raise exception 'It is not said what to change.' using errcode = 'TM305', hint = 'Give payload or raw, category, target or ts.';
  elsif jsonb_typeof(p_payload) <> 'object' then
    raise exception 'A reading is a JSON object.' using errcode = 'TM202', hint = 'Wrap the value: {"value": 21.5}.';
  elsif p_category !~ '^[a-z][a-z0-9_]{0,47}$' then
    raise exception 'The category name % cannot be used.', quote_literal(left(p_category, 80)) using errcode = 'TM104',
      hint = 'Use 1 to 48 of a-z, 0-9 and _, starting with a letter.';
  elsif octet_length(p_target) not between 1 and 256 or p_target ~ '[\x01-\x1f\x7f]' then
    raise exception 'The target key % cannot be used.', quote_literal(left(p_target, 80)) using errcode = 'TM105',
      hint = 'Use 1 to 256 bytes without control characters.';
  elsif p_ts > now() + interval '1 day' or p_ts < '1900-01-01Z' then
    raise exception 'The time of the reading is out of range.' using errcode = 'TM216', hint = 'From 1900 to one day ahead.';
  end if;
  update tmidb.raw_bucket b set
    -- The ledger counted it for the shard of its first target.
    shard = coalesce(shard, tmidb.shard_of(target)),
    original = case when v_edited && array['payload', 'raw'] then coalesce(original, raw, convert_to(payload::text, 'UTF8')) else original end,
    payload = case when p_raw is not null then null else coalesce(p_payload, payload) end,
    raw = case when p_raw is not null then convert_to(p_raw, 'UTF8') when p_payload is null then raw end,
    is_message = case when p_raw is not null then true when p_payload is not null then false else is_message end,
    category = coalesce(p_category, category), target = coalesce(p_target, target), reading_ts = coalesce(p_ts, reading_ts),
    edited = array(select distinct e from unnest(edited || v_edited) e order by e), edited_at = now()
  where raw_id = p_raw_id;
  if not found then
    raise exception 'There is no dead letter %.', p_raw_id using errcode = 'TM107', hint = 'It was replayed or discarded, or never was.';
  end if;
  perform tmidb.record_audit('dead_letter.edited', null,
    jsonb_build_object('raw_id', p_raw_id, 'changed', v_edited));
  return tmidb.dead_letter(p_raw_id);
end $$;

comment on function tmidb.edit_dead_letter(bigint, jsonb, text, text, timestamptz, text) is
  'Changes a dead letter''s payload (or raw message), category, target or time; returns it. Replay it then.';
revoke all on function tmidb.edit_dead_letter(bigint, jsonb, text, text, timestamptz, text) from public;
grant execute on function tmidb.edit_dead_letter(bigint, jsonb, text, text, timestamptz, text) to tmidb_admin;
