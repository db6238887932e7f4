-- SPDX-License-Identifier: MIT
-- after: mask_at, shown_at
-- From when on rules show readings of a category and target, with at least one of these fields if they are named: '-infinity' for ever,
-- no row never. What is younger is shown with at least as much, so one moment says it. Written into the query that calls it, like
-- tmidb.mask_at.
create or replace function tmidb.shown_since(p_rules jsonb, p_cutoffs timestamptz[], p_category_id smallint, p_target_id uuid, p_fields text[] default null)
returns table (since timestamptz)
language sql stable
as $$
  select s.since
  from unnest(array['-infinity'::timestamptz] || p_cutoffs) s(since)
  where case when p_fields is null then tmidb.shown_at(p_rules, p_cutoffs, p_category_id, p_target_id, s.since)
    else tmidb.mask_at(p_rules, p_cutoffs, p_category_id, p_target_id, s.since) ?| p_fields end
  order by 1 limit 1
$$;
comment on function tmidb.shown_since(jsonb, timestamptz[], smallint, uuid, text[]) is
  'The moment from which on rules show readings of this category and target, or any of these fields of them; -infinity: all, no row: none.';
revoke all on function tmidb.shown_since(jsonb, timestamptz[], smallint, uuid, text[]) from public;
