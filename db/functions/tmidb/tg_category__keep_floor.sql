-- SPDX-License-Identifier: MIT
-- A retention that is lengthened brings nothing back: what the old one allowed to go is remembered, whoever changes it, so that a
-- query does not look for readings that are gone.
create or replace function tmidb.tg_category__keep_floor() returns trigger
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
  NEW.raw_from := greatest(OLD.raw_from, now() - OLD.retention);
  return NEW;
end $$;

comment on function tmidb.tg_category__keep_floor() is 'Remembers from when on no reading can have been dropped.';
revoke all on function tmidb.tg_category__keep_floor() from public;

create or replace trigger category__keep_floor before update of retention on tmidb.category
for each row when (OLD.retention is distinct from NEW.retention) execute function tmidb.tg_category__keep_floor();
