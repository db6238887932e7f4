-- SPDX-License-Identifier: MIT
-- after: age_prefix
-- Whether rules show a reading at all; as tmidb.mask_at a part of the query that calls it. It says the same as the policy on ts_obs, for
-- functions that read as the owner.
create or replace function tmidb.shown_at(p_rules jsonb, p_cutoffs timestamptz[], p_category_id smallint, p_target_id uuid, p_ts timestamptz)
returns boolean
language sql stable
as $$
  select p_rules ?| array['*/*', p_category_id || '/*', p_category_id || '/' || p_target_id, '*/' || p_target_id]
    or p_cutoffs is not null and p_rules ?| array[
      tmidb.age_prefix(p_cutoffs, p_ts) || '*/*',
      tmidb.age_prefix(p_cutoffs, p_ts) || p_category_id || '/*',
      tmidb.age_prefix(p_cutoffs, p_ts) || p_category_id || '/' || p_target_id,
      tmidb.age_prefix(p_cutoffs, p_ts) || '*/' || p_target_id]
$$;
comment on function tmidb.shown_at(jsonb, timestamptz[], smallint, uuid, timestamptz) is 'Whether rules show a reading of this category, target and time.';
revoke all on function tmidb.shown_at(jsonb, timestamptz[], smallint, uuid, timestamptz) from public;
