-- SPDX-License-Identifier: MIT
-- Whether two fields are one, or one is within the other. Names are escaped, so a "." behind a name can only part it from its members.
create or replace function tmidb.overlaps(p_name text, p_other text) returns boolean
language sql immutable parallel safe
as $$ select p_name = p_other or starts_with(p_name, p_other || '.') or starts_with(p_other, p_name || '.') $$;

comment on function tmidb.overlaps(text, text) is 'Whether two field names are the same, or one is a member of the other.';
revoke all on function tmidb.overlaps(text, text) from public;
