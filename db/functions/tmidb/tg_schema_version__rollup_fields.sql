-- SPDX-License-Identifier: MIT
-- The numeric fields of a new version become fields that are rolled up; in its own transaction, so that the job that merges its
-- first reading finds them.
create or replace function tmidb.tg_schema_version__rollup_fields() returns trigger
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
  insert into tmidb.rollup_field (category_id, name)
  select NEW.category_id, f->>'name' from jsonb_array_elements(NEW.fields) f
  where f->>'type' in ('integer', 'number', 'exact')
    and not exists (select from tmidb.rollup_field r where r.category_id = NEW.category_id and r.name = f->>'name')
  on conflict do nothing;
  return null;
end $$;

comment on function tmidb.tg_schema_version__rollup_fields() is 'Makes known which fields of a version are numeric.';
revoke all on function tmidb.tg_schema_version__rollup_fields() from public;

create or replace trigger schema_version__rollup_fields after insert on tmidb.schema_version
for each row execute function tmidb.tg_schema_version__rollup_fields();
