-- SPDX-License-Identifier: MIT
-- An exact number as the nearest float64; null where there is none, so that one such value does not break a query.
-- Not strict: a strict function that holds a case is called for each value instead of becoming part of the query (40 us instead of 0.1).
create or replace function tmidb.to_float(p_value numeric) returns double precision
language sql immutable parallel safe
as $$
  select case when abs(p_value) > 1.7976931348623157e308 then null when abs(p_value) < 1e-307 then 0 else p_value::double precision end
$$;

comment on function tmidb.to_float(numeric) is 'The nearest float64, else null.';
