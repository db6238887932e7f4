-- SPDX-License-Identifier: MIT
-- What a view's column says of itself: smart tags for GraphQL, then words for people: what an administrator said of it, if anything.
create or replace function tmidb.field_comment(p_field jsonb) returns text
language sql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
  select format(E'@name %s\n%s%sField %s, %s%s.%s', p_field->>'graphql',
    E'@deprecated Renamed: use ' || (p_field->>'renamed') || E'.\n',
    (p_field->>'description') || case when p_field->>'description' ~ '[.!?]$' then ' ' else '. ' end,
    p_field->'name', p_field->>'type',
    case when (p_field->>'pinned')::boolean then ', pinned' else '' end || coalesce(', in ' || (p_field->>'unit'), ''),
    ' Renamed: use ' || (p_field->>'renamed') || '.')
$$;

comment on function tmidb.field_comment(jsonb) is 'Comment of the column of a field as tmidb.view_fields has it.';
revoke all on function tmidb.field_comment(jsonb) from public;
