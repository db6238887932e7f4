-- SPDX-License-Identifier: MIT
-- Whether a text of a connector's definition is an SQL/JSON path and not a constant: it has a $. A constant with one is written
-- {"value": "US$"}.
create or replace function tmidb.is_path(p_spec jsonb) returns boolean
language sql immutable set search_path = pg_catalog, pg_temp
as $$ select jsonb_typeof(p_spec) = 'string' and position('$' in p_spec #>> '{}') > 0 $$;

comment on function tmidb.is_path(jsonb) is 'Whether this is an SQL/JSON path.';
revoke all on function tmidb.is_path(jsonb) from public;
