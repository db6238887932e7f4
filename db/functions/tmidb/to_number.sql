-- SPDX-License-Identifier: MIT
-- A value as a column of the type number shows it: numbers, and text that reads as a plain number; else null. No search_path is
-- set so that the planner can put the expression into the view's query.
create or replace function tmidb.to_number(p_value jsonb) returns double precision
language sql immutable strict parallel safe
as $$
  select case jsonb_typeof(p_value)
    when 'number' then p_value::double precision
    when 'string' then case when p_value #>> '{}' ~ '^-?[0-9]{1,15}(\.[0-9]{1,15})?$' then (p_value #>> '{}')::double precision end
  end
$$;

comment on function tmidb.to_number(jsonb) is 'The value as float64 if it fits, else null.';
