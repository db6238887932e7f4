-- SPDX-License-Identifier: MIT
-- Whether a target is in the group of a condition (tmidb.group_path), by what is said of it: the one place that says it. Of one expression
-- and without settings, so that PostgreSQL writes it into the query that asks. Null: the condition says nothing of such a target.
create or replace function tmidb.is_in_group(p_path jsonpath, p_key text, p_name text, p_meta jsonb) returns boolean
language sql stable
as $$ select jsonb_path_match(p_meta, p_path, jsonb_build_object('key', p_key, 'name', p_name), true) $$;

comment on function tmidb.is_in_group(jsonpath, text, text, jsonb) is 'Whether a target of this key, name and meta is in the group of this condition.';
revoke all on function tmidb.is_in_group(jsonpath, text, text, jsonb) from public;
