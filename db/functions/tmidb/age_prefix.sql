-- SPDX-License-Identifier: MIT
-- What the keys of rules begin with that are for readings of this age: '' for the oldest, '1:', '2:' … for younger ones (see
-- tmidb.compile_rules). A part of the query that calls it, as tmidb.mask_at.
create or replace function tmidb.age_prefix(p_cutoffs timestamptz[], p_ts timestamptz) returns text
language sql stable
as $$ select coalesce(nullif(width_bucket(p_ts, p_cutoffs), 0) || ':', '') $$;

comment on function tmidb.age_prefix(timestamptz[], timestamptz) is 'What keys of rules for a reading of this time begin with; empty where there are no cutoffs.';
revoke all on function tmidb.age_prefix(timestamptz[], timestamptz) from public;
grant execute on function tmidb.age_prefix(timestamptz[], timestamptz) to tmidb_views, tmidb_anonymous, tmidb_speaker, tmidb_listener, tmidb_viewer,
  tmidb_editor, tmidb_admin;
