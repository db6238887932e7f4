-- SPDX-License-Identifier: MIT
-- Under which names a mask may show a field: all, the objects that it is in, and its own.
create or replace function tmidb.field_rights(p_name text) returns text[]
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
begin
  if strpos(p_name, '.') = 0 then return array['*', p_name]; end if;
  return (
    select array['*'] || array_agg(array_to_string(k.parts[1:n], '.') order by n)
    from (select regexp_split_to_array(p_name, '(?<=(?:^|[^\\])(?:\\\\)*)\.') as parts) k, generate_series(1, cardinality(k.parts)) n);
end $$;

comment on function tmidb.field_rights(text) is 'Names of which one in a mask shows this field: gps.lat is shown by *, gps and gps.lat.';
revoke all on function tmidb.field_rights(text) from public;
