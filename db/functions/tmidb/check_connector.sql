-- SPDX-License-Identifier: MIT
-- after: is_path
-- Raises what is wrong with a connector's definition, with the place in it: a mistake shall be seen when it is made, not at night.
create or replace function tmidb.check_connector(p_kind text, p_config jsonb) returns void
language plpgsql immutable set search_path = pg_catalog, pg_temp
as $$
declare
  c_known constant jsonb := '{
    "url": ["url", "method", "headers", "body", "format", "extract", "csv", "html", "on_change", "allow", "timeout_s", "max_bytes"],
    "postgres": ["url", "query", "table", "columns", "watermark", "target", "ts", "mid", "zone", "batch", "allow", "timeout_s", "max_bytes"],
    "extract": ["items", "target", "ts", "mid", "fields"], "csv": ["delimiter", "header", "columns"], "html": ["items", "fields"]}';
  v_text text;
  v_part text;
  v_key text;
  v_spec jsonb;
begin
  if c_known->p_kind is null or p_kind not in ('url', 'postgres') then
    raise exception 'There is no kind of connector named %.', quote_literal(left(p_kind, 40)) using errcode = 'TM108', hint = 'Say url or postgres.';
  elsif jsonb_typeof(p_config) is distinct from 'object' then
    raise exception 'The definition is not a JSON object.' using errcode = 'TM108', hint = 'Such as {"url": "https://example.org/now.json"}.';
  end if;
  foreach v_part in array array[p_kind, 'extract', 'csv', 'html'] loop
    v_spec := case when v_part = p_kind then p_config else p_config->v_part end;
    continue when v_spec is null or (v_part <> p_kind and not c_known->p_kind ? v_part);
    if jsonb_typeof(v_spec) <> 'object' then
      raise exception '% is not a JSON object.', v_part using errcode = 'TM108';
    end if;
    select key into v_key from jsonb_object_keys(v_spec) key where not c_known->v_part ? key limit 1;
    if found then
      raise exception '% is not known%', case when v_part = p_kind then '' else v_part || '.' end || left(v_key, 40),
        case when v_part = p_kind then ' to a ' || p_kind || ' connector.' else '.' end using errcode = 'TM108',
        hint = 'Known: ' || (select string_agg(k, ', ') from jsonb_array_elements_text(c_known->v_part) k) || '.';
    end if;
  end loop;

  v_text := p_config->>'url';
  if v_text is null or (p_kind = 'url' and v_text !~* '^https?://[^\s/@?#]+([/?#]\S*)?$') or length(v_text) > 4000 then
    raise exception 'url cannot be used: %.', coalesce(quote_literal(left(regexp_replace(v_text, '//.*@', '//***@'), 80)), 'it is missing') using errcode = 'TM108',
      hint = 'An http or https address without login; logins go into headers: {"authorization": "Basic ..."}.';
  elsif p_kind = 'postgres' and v_text !~* '^postgres(ql)?://[^\s/?#]+/[^\s/?#]+(\?sslmode=(disable|require|no-verify|verify-full))?$' then
    raise exception 'url cannot be used.' using errcode = 'TM108',
      hint = 'postgres://user:password@host:5432/database, with ?sslmode=disable, require, no-verify or verify-full behind it if need be.';
  elsif jsonb_typeof(coalesce(p_config->'allow', '[]')) <> 'array'
     or exists (select from jsonb_array_elements(p_config->'allow') a where jsonb_typeof(a) <> 'string') then
    raise exception 'allow is not a list of host names.' using errcode = 'TM108', hint = 'Such as ["sensors.lan"].';
  end if;
  foreach v_key in array array['timeout_s', 'max_bytes', 'batch'] loop
    continue when not p_config ? v_key;
    if jsonb_typeof(p_config->v_key) <> 'number' or (p_config->>v_key)::numeric % 1 <> 0 or (p_config->>v_key)::numeric not between 1 and
       (case v_key when 'timeout_s' then 30 when 'batch' then 10000 else (case p_kind when 'url' then 5000000 else 64000000 end) end) then
      raise exception '% is out of range.', v_key using errcode = 'TM108',
        hint = 'timeout_s is 1 to 30, batch 1 to 10,000, max_bytes at most 5,000,000 (64,000,000 for postgres).';
    end if;
  end loop;

  if p_kind = 'postgres' then
    if (p_config ? 'query') = (p_config ? 'table') then
      raise exception 'Either query or table says what is read.' using errcode = 'TM108', hint = '{"table": "plant.measurement", "columns": ["id", "temp"]}.';
    elsif coalesce(p_config->>'watermark', '') = '' then
      raise exception 'watermark is missing.' using errcode = 'TM108', hint = 'Name the column that only grows: an id, or the time of the change.';
    elsif p_config->>'query' ~ '^\s*$' or jsonb_typeof(coalesce(p_config->'columns', '[]')) <> 'array' then
      raise exception 'query or columns cannot be used.' using errcode = 'TM108', hint = 'query is one select, columns a list of names.';
    end if;
    begin
      perform parse_ident(p_config->>'table');
    exception when others then
      raise exception 'table is not the name of a table.' using errcode = 'TM108', hint = 'Such as plant.measurement.';
    end;
    return;
  end if;

  if coalesce(upper(p_config->>'method'), 'GET') not in ('GET', 'POST') then
    raise exception 'method is neither GET nor POST.' using errcode = 'TM108';
  elsif jsonb_typeof(coalesce(p_config->'headers', '{}')) <> 'object' then
    raise exception 'headers is not a JSON object.' using errcode = 'TM108', hint = '{"authorization": "Bearer ..."}.';
  elsif coalesce(p_config->>'format', 'json') not in ('json', 'csv', 'html') then
    raise exception 'format is not json, csv or html.' using errcode = 'TM108';
  elsif p_config ? 'body' and jsonb_typeof(p_config->'body') <> 'string' then
    raise exception 'body is not a text.' using errcode = 'TM108', hint = 'Write JSON as a text: "{\"a\": 1}".';
  elsif jsonb_typeof(coalesce(p_config->'on_change', 'true')) <> 'boolean' then
    raise exception 'on_change is neither true nor false.' using errcode = 'TM108';
  elsif p_config->>'format' = 'html' and (coalesce(p_config#>>'{html,items}', '') = '' or jsonb_typeof(p_config#>'{html,fields}') is distinct from 'object') then
    raise exception 'html.items or html.fields is missing.' using errcode = 'TM108',
      hint = '{"html": {"items": "table tr", "fields": {"temp": {"css": "td:nth-child(2)", "type": "number"}}}}.';
  end if;
  for v_key, v_spec in select key, value from jsonb_each(coalesce(p_config->'headers', '{}')) loop
    if jsonb_typeof(v_spec) <> 'string' or v_spec #>> '{}' ~ '[\x01-\x08\x0a-\x1f\x7f]' or v_key !~ '^[A-Za-z0-9!#$%&''*+.^_`|~-]{1,100}$'
       or lower(v_key) ~ '^(host|connection|content-length|transfer-encoding|te|trailer|upgrade|expect|keep-alive|proxy-.*|accept-encoding)$' then
      raise exception 'The header % cannot be set.', quote_literal(left(v_key, 40)) using errcode = 'TM108';
    end if;
  end loop;
  for v_key, v_spec in
    select 'extract.' || k, p_config#>array['extract', k] from unnest(array['items', 'target', 'ts', 'mid']) k where p_config#>array['extract', k] is not null
    union all select 'extract.fields.' || key, value
    from jsonb_each(case jsonb_typeof(p_config#>'{extract,fields}') when 'object' then p_config#>'{extract,fields}' else '{}' end)
  loop
    begin
      v_text := case jsonb_typeof(v_spec) when 'object' then v_spec->>'path' else v_spec #>> '{}' end;
      if v_key = 'extract.items' or jsonb_typeof(v_spec) = 'object' and v_spec ? 'path' or tmidb.is_path(v_spec) then perform v_text::jsonpath; end if;
      if v_spec->>'type' not in ('number', 'text', 'boolean', 'json', 'auto') or jsonb_typeof(v_spec) = 'array' then raise data_exception; end if;
    exception when others then
      raise exception '% cannot be used: %.', v_key, left(v_spec::text, 80) using errcode = 'TM108',
        hint = 'An SQL/JSON path such as "$.main.temp", {"path": "$.t", "type": "number"}, or a constant.';
    end;
  end loop;
  if p_config->'extract' ? 'fields' and jsonb_typeof(p_config#>'{extract,fields}') <> 'object' then
    raise exception 'extract.fields is not a JSON object.' using errcode = 'TM108', hint = '{"temp": "$.main.temp"}.';
  end if;
end $$;

comment on function tmidb.check_connector(text, jsonb) is 'Raises TM108 with what is wrong in a connector''s definition.';
revoke all on function tmidb.check_connector(text, jsonb) from public;
