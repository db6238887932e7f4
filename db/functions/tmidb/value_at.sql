-- SPDX-License-Identifier: MIT
-- What a payload has at a path of up to five keys (tmidb.shape_of makes no longer ones). "->" with a text looks into objects only, where "#>" would
-- take a key like "0" for a place in an array. No search_path is set, so that the planner can put the expression into the query.
create or replace function tmidb.value_at(p_payload jsonb, p_path text[]) returns jsonb
language sql immutable parallel safe
as $$
  select case
    when p_path[2] is null then p_payload -> p_path[1]
    when p_path[3] is null then p_payload -> p_path[1] -> p_path[2]
    when p_path[4] is null then p_payload -> p_path[1] -> p_path[2] -> p_path[3]
    when p_path[5] is null then p_payload -> p_path[1] -> p_path[2] -> p_path[3] -> p_path[4]
    else p_payload -> p_path[1] -> p_path[2] -> p_path[3] -> p_path[4] -> p_path[5] end
$$;

comment on function tmidb.value_at(jsonb, text[]) is 'The value at a path of one to five keys; null where there is none.';
revoke all on function tmidb.value_at(jsonb, text[]) from public;
