-- SPDX-License-Identifier: MIT
-- The one statement that a pull runs at the foreign database: its rows from the watermark on, as JSON text that PostgreSQL wrote there,
-- so that numbers are exact. "From" includes the watermark itself, for rows of the same value that were committed late; the ones
-- already known (state.ties) come on top of the batch, so that it always moves on. The query stands alone between line ends in
-- brackets: what is not one select is no statement at all.
create or replace function tmidb.pull_statement(p_config jsonb, p_state jsonb) returns text
language plpgsql immutable set search_path = pg_catalog, pg_temp
as $$
declare
  v_mark text := 'q."' || replace(p_config->>'watermark', '"', '""') || '"';
  v_columns text;
  v_from text;
begin
  if p_config ? 'query' then
    v_from := E'(\n' || regexp_replace(p_config->>'query', ';\s*$', '') || E'\n) q';
  else
    select string_agg('"' || replace(c, '"', '""') || '"', ', ') into v_columns
    from (select c from jsonb_array_elements_text(p_config->'columns') c
          union select value from (values (p_config->>'watermark'), (p_config->>'target'), (p_config->>'ts'), (p_config->>'mid')) v(value)
          where value is not null and jsonb_array_length(p_config->'columns') > 0) u
    where c !~ '^\{';
    v_from := format('(select %s from %s) q', coalesce(v_columns, '*'),
      (select string_agg('"' || replace(i, '"', '""') || '"', '.') from unnest(parse_ident(p_config->>'table')) i));
  end if;
  return format('select %1$s::text as w, pg_catalog.row_to_json(q)::text as r, pg_catalog.pg_typeof(%1$s)::text as t from %2$s where %1$s is not null%3$s order by %1$s fetch first %4$s rows with ties',
    v_mark, v_from, case when p_state ? 'watermark' then ' and ' || v_mark || ' >= ' || quote_literal(p_state->>'watermark') else '' end,
    coalesce((p_config->>'batch')::int, 1000) + coalesce(jsonb_array_length(p_state->'ties'), 0));
end $$;

comment on function tmidb.pull_statement(jsonb, jsonb) is 'What a connector asks a foreign PostgreSQL for.';
revoke all on function tmidb.pull_statement(jsonb, jsonb) from public;
