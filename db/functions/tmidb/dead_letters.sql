-- SPDX-License-Identifier: MIT
-- after: dead_letter_rows, text_of
-- The quarantine as a list, newest first; the next page begins below the last raw_id of this one.
--   select * from tmidb.dead_letters('TM201', 'sensor');
create or replace function tmidb.dead_letters(p_reason text default null, p_category text default null, p_speaker text default null,
  p_since timestamptz default null, p_limit integer default 100, p_after bigint default null)
returns table (raw_id bigint, ts timestamptz, reason text, message text, speaker text, category text, target text, reading_ts timestamptz,
  bytes integer, preview text, attempts integer, edited text[])
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select b.raw_id, b.ts, b.reason, coalesce(b.message, e.sentence), s.name, b.category, b.target, b.reading_ts,
         coalesce(octet_length(b.raw), octet_length(b.payload::text)),
         left(coalesce(b.payload::text, tmidb.text_of(b.raw), encode(substr(b.raw, 1, 60), 'escape')), 120), b.attempts, b.edited
  from tmidb.dead_letter_rows(p_reason, p_category, p_speaker, p_since) b
  left join tmidb.speaker s using (speaker_id)
  left join tmidb.error_code e on e.code = b.reason
  where p_after is null or b.raw_id < p_after
  order by b.raw_id desc limit least(greatest(p_limit, 1), 10000)
$$;

comment on function tmidb.dead_letters(text, text, text, timestamptz, integer, bigint) is
  'What could not be stored, newest first, by reason, category, speaker and time of arrival; p_after: the raw_id that the page before ended with.';
revoke all on function tmidb.dead_letters(text, text, text, timestamptz, integer, bigint) from public;
grant execute on function tmidb.dead_letters(text, text, text, timestamptz, integer, bigint) to tmidb_editor, tmidb_admin;
