-- SPDX-License-Identifier: MIT
-- A difference as people read it: "new humidity (integer); temperature: number became text".
create or replace function tmidb.diff_words(p_diff jsonb) returns text
language sql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
  select coalesce(string_agg(words, '; ' order by n), 'nothing')
  from (
    select 1 as n, 'new ' || string_agg(format('%s (%s)', e->>'name', e->>'type'), ', ' order by o) as words
    from jsonb_array_elements(p_diff->'added') with ordinality a(e, o)
    union all
    select case kind when 'changed' then 2 when 'widened' then 3 else 4 end,
      string_agg(format(case kind when 'renamed' then '%s: column %s is now %s' else '%s: %s became %s' end, e->>'name', e->>'from', e->>'to'), ', ' order by o)
    from unnest(array['changed', 'widened', 'renamed']) kind, jsonb_array_elements(p_diff->kind) with ordinality a(e, o) group by kind
    union all
    select 5, 'without ' || string_agg(format('%s (%s)', e->>'name', e->>'type'), ', ' order by o)
    from jsonb_array_elements(p_diff->'removed') with ordinality a(e, o)) w
  where words is not null
$$;

comment on function tmidb.diff_words(jsonb) is 'A diff of tmidb.version_diff in words.';
revoke all on function tmidb.diff_words(jsonb) from public;
