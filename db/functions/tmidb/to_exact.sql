-- SPDX-License-Identifier: MIT
-- A value as a column of the type exact shows it: integers beyond 2^53 keep every digit.
create or replace function tmidb.to_exact(p_value jsonb) returns numeric
language sql immutable parallel safe
as $$
  select case jsonb_typeof(p_value)
    when 'number' then p_value::numeric
    when 'string' then case when p_value #>> '{}' ~ '^-?[0-9]{1,38}(\.[0-9]{1,15})?$' then (p_value #>> '{}')::numeric end
  end
$$;

comment on function tmidb.to_exact(jsonb) is 'The value with all its digits if it is a number, else null.';
