-- SPDX-License-Identifier: MIT
-- A value as a column of the type json shows it: anything but null.
create or replace function tmidb.to_json(p_value jsonb) returns jsonb
language sql immutable parallel safe
as $$ select nullif(p_value, 'null'::jsonb) $$;

comment on function tmidb.to_json(jsonb) is 'The value as it came.';
