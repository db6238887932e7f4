-- SPDX-License-Identifier: MIT
-- The one meaning of the filters, for list, replay and discard. No "set" and not as the owner, so that it is inlined: order and limit
-- of the caller reach the index.
create or replace function tmidb.dead_letter_rows(p_reason text, p_category text, p_speaker text, p_since timestamptz)
returns setof tmidb.raw_bucket
language sql stable
as $$
  select b.* from tmidb.raw_bucket b
  where (p_reason is null or b.reason = p_reason) and (p_category is null or b.category = p_category)
    and (p_speaker is null or b.speaker_id = (select s.speaker_id from tmidb.speaker s where s.name = p_speaker))
    and (p_since is null or b.ts >= p_since)
$$;

comment on function tmidb.dead_letter_rows(text, text, text, timestamptz) is 'Rows of the quarantine that the filters name; null: all.';
revoke all on function tmidb.dead_letter_rows(text, text, text, timestamptz) from public;
