-- SPDX-License-Identifier: MIT
-- A key as it stands in a field's name, where "." parts the keys of a path. No search_path is set, so that the planner can put the expression
-- into the query.
create or replace function tmidb.key_name(p_key text) returns text
language sql immutable parallel safe
as $$ select replace(replace(p_key, '\', '\\'), '.', '\.') $$;

comment on function tmidb.key_name(text) is 'A key with "." and "\" escaped by "\": one part of a field''s name.';
revoke all on function tmidb.key_name(text) from public;
