-- SPDX-License-Identifier: MIT
-- A value as a column of the type boolean shows it.
create or replace function tmidb.to_boolean(p_value jsonb) returns boolean
language sql immutable parallel safe
as $$
  select case p_value when 'true' then true when 'false' then false when '"true"' then true when '"false"' then false end
$$;

comment on function tmidb.to_boolean(jsonb) is 'The value as boolean if it fits, else null.';
