-- SPDX-License-Identifier: MIT
-- Whom a difference breaks. A field that is gone or has another type breaks its readers; a number where integers were may surprise
-- them; anything else they need not notice.
create or replace function tmidb.diff_class(p_diff jsonb) returns text
language sql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
  select case when p_diff->'changed' <> '[]' or p_diff->'removed' <> '[]' then 'breaking'
    when p_diff->'widened' <> '[]' then 'widening' else 'additive' end
$$;

comment on function tmidb.diff_class(jsonb) is 'Compatibility class of a diff: additive, widening or breaking.';
revoke all on function tmidb.diff_class(jsonb) from public;
