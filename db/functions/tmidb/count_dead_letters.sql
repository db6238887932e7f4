-- SPDX-License-Identifier: MIT
-- after: dead_letter_rows
create or replace function tmidb.count_dead_letters(p_reason text default null, p_category text default null, p_speaker text default null,
  p_since timestamptz default null)
returns bigint
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$ select count(*) from tmidb.dead_letter_rows(p_reason, p_category, p_speaker, p_since) $$;

comment on function tmidb.count_dead_letters(text, text, text, timestamptz) is 'How many dead letters the filters name.';
revoke all on function tmidb.count_dead_letters(text, text, text, timestamptz) from public;
grant execute on function tmidb.count_dead_letters(text, text, text, timestamptz) to tmidb_editor, tmidb_admin;
