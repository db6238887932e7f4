-- SPDX-License-Identifier: MIT
-- after: field_rights, field_path, mask_at, cutoffs
-- The text of one generated view. Rows come from row security on ts_obs and target; fields are shown through the mask of the
-- row, before any filter can see them, so a hidden field cannot be filtered, sorted or counted on. The view has no
-- security_invoker on purpose: its owner tmidb_views is bound by the policies, and its users have no right on the tables.
-- Readings of one instant are told apart by their number, not by the digest: that would let a hidden field be guessed and
-- tested. It is the bare column, because comparing an expression is not leakproof and would keep pages from using the index.
-- A nested field is shown by a right to it or to an object that it is in. "->" with a text looks into objects only, never into arrays.
-- "(select tmidb.rules())" is asked once a query, also where the view is looked into for each row of another: 50 rows of the newest page
-- called it 57 times without. A cold reading is unpacked where it is looked at. "offset 0" keeps rules() at one call a query and the mask at one look-up a row;
-- where there are no time windows, what is the same for all rows is looked up once.
create or replace function tmidb.view_sql(p_category_id smallint, p_major smallint, p_fields jsonb) returns text
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
  v_name text := (select name from tmidb.category where category_id = p_category_id);
  v_columns text;
begin
  select string_agg(format(E',\n  case when m.every or %s then tmidb.%I(m.payload%s) end as %I',
      (select string_agg('m.mask ? ' || quote_literal(r), ' or ' order by o) from unnest(tmidb.field_rights(f->>'name')) with ordinality r(r, o)
       where r <> '*'),
      case f->>'type' when 'integer' then 'to_number' else 'to_' || (f->>'type') end,
      (select string_agg(' -> ' || quote_literal(k), '' order by o) from unnest(tmidb.field_path(f->>'name')) with ordinality k(k, o)),
      f->>'column'), '' order by o)
  into v_columns
  from jsonb_array_elements(p_fields) with ordinality a(f, o);
  return format($view$create or replace view api.%I as
select t.key as target, o.target_id, o.ts, o.position as reading_id%s
from tmidb.ts_obs o
join tmidb.target t on t.target_id = o.target_id
cross join (
  select r.rules, case when r.rules ? 'w' then (select tmidb.cutoffs()) end as cutoffs,
    coalesce(r.rules -> '*/*', '{}') || coalesce(r.rules -> '%s/*', '{}') as base
  from (select (select tmidb.rules()) as rules offset 0) r offset 0) g
cross join lateral (
  select r.mask, r.mask ? '*' as every, coalesce(o.payload, tmidb.unpack(o.version_id, o.compact)) as payload
  from (select case when g.cutoffs is not null then tmidb.mask_at(g.rules, g.cutoffs, %s::smallint, o.target_id, o.ts)
      when g.base ? '*' then g.base else g.base
      || coalesce(g.rules -> ('%s/' || o.target_id), '{}') || coalesce(g.rules -> ('*/' || o.target_id), '{}') end as mask offset 0) r
  offset 0) m
where o.category_id = %s$view$, v_name || '_v' || p_major, coalesce(v_columns, ''), p_category_id, p_category_id, p_category_id, p_category_id);
end $$;

comment on function tmidb.view_sql(smallint, smallint, jsonb) is 'The statement that makes the view api.<category>_v<major>.';
revoke all on function tmidb.view_sql(smallint, smallint, jsonb) from public;
