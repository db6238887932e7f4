-- SPDX-License-Identifier: MIT
-- after: version_diff, diff_class
-- A version says what it changed, whoever makes it. A new major comes from the newest one before it, a minor from the one before.
create or replace function tmidb.tg_schema_version__diff() returns trigger
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_before jsonb;
begin
  select v.fields into v_before from tmidb.schema_version v
  where v.category_id = NEW.category_id and (v.major, v.minor) < (NEW.major, NEW.minor) order by v.major desc, v.minor desc limit 1;
  NEW.diff := tmidb.version_diff(v_before, NEW.fields);
  NEW.compatibility := case when v_before is null then 'initial' when NEW.minor = 0 then 'breaking' else tmidb.diff_class(NEW.diff) end;
  return NEW;
end $$;

comment on function tmidb.tg_schema_version__diff() is 'Works out diff and compatibility of a new version.';
revoke all on function tmidb.tg_schema_version__diff() from public;

create or replace trigger schema_version__diff before insert on tmidb.schema_version
for each row execute function tmidb.tg_schema_version__diff();
