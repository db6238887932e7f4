-- SPDX-License-Identifier: MIT
-- What of a difference somebody may know who sees these fields; null: all. A right to "gps" includes what is nested in it.
create or replace function tmidb.visible_diff(p_diff jsonb, p_fields text[]) returns jsonb
language sql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$
  select case when p_fields is null then p_diff else (
    select jsonb_object_agg(k.key, (
      select coalesce(jsonb_agg(e order by o), '[]') from jsonb_array_elements(k.value) with ordinality a(e, o)
      where e->>'name' = any(p_fields)
        or (e ? 'path' and exists (select from unnest(p_fields) g where starts_with(e->>'name', g || '.')))))
    from jsonb_each(p_diff) k) end
$$;

comment on function tmidb.visible_diff(jsonb, text[]) is 'A diff cut to these fields (null: all).';
revoke all on function tmidb.visible_diff(jsonb, text[]) from public;
