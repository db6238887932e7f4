-- SPDX-License-Identifier: MIT
-- A value as a column of the type number shows it: numbers, and text that reads as a plain number; else null. No search_path is
-- set, and it is not strict, so that the planner can put the expression into the view's query: 100 rows of two fields in 1.2 instead of
-- 2.1 ms. So with its sisters to_exact, to_text, to_boolean and to_json.
create or replace function tmidb.to_number(p_value jsonb) returns double precision
language sql immutable parallel safe
as $$
  select case jsonb_typeof(p_value)
    when 'number' then p_value::double precision
    when 'string' then case when p_value #>> '{}' ~ '^-?[0-9]{1,15}(\.[0-9]{1,15})?$' then (p_value #>> '{}')::double precision end
  end
$$;

comment on function tmidb.to_number(jsonb) is 'The value as float64 if it fits, else null.';
