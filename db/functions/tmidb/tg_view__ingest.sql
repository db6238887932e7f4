-- SPDX-License-Identifier: MIT
-- after: ingest, row_payload, target_key
-- insert into api.sensor_v1 (target, temperature) ... writes as the speaker who is signed in: the row's fields become the payload.
create or replace function tmidb.tg_view__ingest() returns trigger
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
  v_row jsonb := to_jsonb(NEW);
  v_data jsonb;
begin
  if NEW.ts > now() + interval '1 day' or NEW.ts < '1900-01-01Z' then
    raise exception 'The time of the reading is out of range.' using errcode = 'TM216', hint = 'From 1900 to one day ahead.';
  end if;
  v_data := tmidb.row_payload(TG_ARGV[0], regexp_replace(TG_TABLE_NAME, '^.*_v', '')::smallint, v_row);
  -- What the row becomes is what "returning" shows of it.
  if NEW.target is null then
    -- Who reads finds the targets that it may know; speakers read nothing and know their targets' numbers from elsewhere.
    if has_table_privilege('api.target', 'select') then
      NEW.target := (select t.key from api.target t where t.target_id = NEW.target_id);
    else
      NEW.target := tmidb.target_key(NEW.target_id);
    end if;
  end if;
  NEW.ts := coalesce(NEW.ts, now());
  -- A column may come from a field that is called like a part of the envelope.
  perform tmidb.ingest(TG_ARGV[0], NEW.target, jsonb_build_object('data', v_data), NEW.ts);
  if NEW.target_id is null and has_table_privilege('api.target', 'select') then
    NEW.target_id := (select t.target_id from api.target t where t.key = NEW.target);
  end if;
  return NEW;
end $$;

comment on function tmidb.tg_view__ingest() is 'Turns an inserted row of a view into a reading.';
revoke all on function tmidb.tg_view__ingest() from public;
