-- SPDX-License-Identifier: MIT
-- A new shape that says where a target is makes the row that points of its trace refer to.
create or replace function tmidb.tg_shape__geo_source() returns trigger
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
  -- Asked first: a conflict would use up a number of smallint each time.
  if not exists (select from tmidb.geo_source s where s.category_id = NEW.category_id
                 and s.latitude_field = NEW.latitude_field and s.longitude_field = NEW.longitude_field) then
    insert into tmidb.geo_source (category_id, latitude_field, longitude_field)
    values (NEW.category_id, NEW.latitude_field, NEW.longitude_field) on conflict do nothing;
  end if;
  return null;
end $$;

comment on function tmidb.tg_shape__geo_source() is 'Keeps tmidb.geo_source up with tmidb.shape.';
revoke all on function tmidb.tg_shape__geo_source() from public;

create or replace trigger shape__geo_source after insert on tmidb.shape
for each row when (NEW.latitude_field is not null) execute function tmidb.tg_shape__geo_source();
