-- SPDX-License-Identifier: MIT
-- after: age_prefix
-- Which fields rules show of a reading, whatever its age: the one place that says it. A single expression without settings of its own, so that PostgreSQL
-- writes it into the query that calls it instead of calling it for each row.
create or replace function tmidb.mask_at(p_rules jsonb, p_cutoffs timestamptz[], p_category_id smallint, p_target_id uuid, p_ts timestamptz)
returns jsonb
language sql stable
as $$
  select case when p_cutoffs is null then
    coalesce(p_rules -> '*/*', '{}') || coalesce(p_rules -> (p_category_id || '/*'), '{}')
      || coalesce(p_rules -> (p_category_id || '/' || p_target_id), '{}') || coalesce(p_rules -> ('*/' || p_target_id), '{}')
  else
    coalesce(p_rules -> (tmidb.age_prefix(p_cutoffs, p_ts) || '*/*'), '{}')
      || coalesce(p_rules -> (tmidb.age_prefix(p_cutoffs, p_ts) || p_category_id || '/*'), '{}')
      || coalesce(p_rules -> (tmidb.age_prefix(p_cutoffs, p_ts) || p_category_id || '/' || p_target_id), '{}')
      || coalesce(p_rules -> (tmidb.age_prefix(p_cutoffs, p_ts) || '*/' || p_target_id), '{}')
  end
$$;
comment on function tmidb.mask_at(jsonb, timestamptz[], smallint, uuid, timestamptz) is
  'Fields {"<name|*>": 1} that rules show of a reading of this category, target and time.';
revoke all on function tmidb.mask_at(jsonb, timestamptz[], smallint, uuid, timestamptz) from public;
grant execute on function tmidb.mask_at(jsonb, timestamptz[], smallint, uuid, timestamptz) to tmidb_views, tmidb_anonymous, tmidb_speaker, tmidb_listener, tmidb_viewer,
  tmidb_editor, tmidb_admin;
