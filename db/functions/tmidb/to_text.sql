-- SPDX-License-Identifier: MIT
-- A value as a column of the type text shows it: every scalar has a text, objects and arrays do not fit.
create or replace function tmidb.to_text(p_value jsonb) returns text
language sql immutable parallel safe
as $$
  select case when jsonb_typeof(p_value) in ('string', 'number', 'boolean') then p_value #>> '{}' end
$$;

comment on function tmidb.to_text(jsonb) is 'The value as text if it is a scalar, else null.';
