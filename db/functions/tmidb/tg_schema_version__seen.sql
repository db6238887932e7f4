-- SPDX-License-Identifier: MIT
-- The row that notes when readings of a version came is made with it, so that noting never has to wait for another's insert. The ways
-- in know what strict categories take, and are told that there is more.
create or replace function tmidb.tg_schema_version__seen() returns trigger
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
  insert into tmidb.version_seen (version_id) values (NEW.version_id);
  if (select is_strict from tmidb.category where category_id = NEW.category_id) then
    perform pg_notify(tmidb.channel('access'), 'version');
  end if;
  return null;
end $$;

comment on function tmidb.tg_schema_version__seen() is 'Makes the row of tmidb.version_seen; tells the ways in of a new version of a strict category.';
revoke all on function tmidb.tg_schema_version__seen() from public;

create or replace trigger schema_version__seen after insert on tmidb.schema_version
for each row execute function tmidb.tg_schema_version__seen();
