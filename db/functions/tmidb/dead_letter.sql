-- SPDX-License-Identifier: MIT
-- after: text_of
-- One row of the quarantine, whole.
create or replace function tmidb.dead_letter(p_raw_id bigint) returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_letter jsonb;
begin
  select jsonb_build_object('raw_id', b.raw_id, 'ts', b.ts, 'reason', b.reason, 'message', coalesce(b.message, e.sentence), 'hint', e.hint,
    'speaker', s.name, 'category', b.category, 'target', b.target, 'reading_ts', b.reading_ts, 'mid', b.mid, 'is_message', b.is_message,
    'attempts', b.attempts, 'attempted_at', b.attempted_at, 'edited', b.edited, 'edited_at', b.edited_at, 'payload', b.payload,
    'raw', tmidb.text_of(b.raw), 'raw_base64', encode(b.raw, 'base64'),
    'original', tmidb.text_of(b.original), 'original_base64', encode(b.original, 'base64'))
  into v_letter
  from tmidb.raw_bucket b
  left join tmidb.speaker s using (speaker_id)
  left join tmidb.error_code e on e.code = b.reason
  where b.raw_id = p_raw_id;
  if v_letter is null then
    raise exception 'There is no dead letter %.', p_raw_id using errcode = 'TM107', hint = 'It was replayed or discarded, or never was.';
  end if;
  return v_letter;
end $$;

comment on function tmidb.dead_letter(bigint) is 'One dead letter with all that is known of it; TM107 if there is none.';
revoke all on function tmidb.dead_letter(bigint) from public;
grant execute on function tmidb.dead_letter(bigint) to tmidb_editor, tmidb_admin;
