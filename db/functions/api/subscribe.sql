-- SPDX-License-Identifier: MIT
-- The API's way to tmidb.subscribe, with the rights of who calls.
create or replace function api.subscribe(listener text, category text default null, targets text[] default null, fields text[] default null,
  "group" text default null, "window" interval default null)
returns void
language sql volatile set search_path = pg_catalog, pg_temp
as $$ select tmidb.subscribe(subscribe.listener, subscribe.category, subscribe.targets, subscribe.fields, subscribe."group", subscribe."window") $$;

comment on function api.subscribe(text, text, text[], text[], text, interval) is
  E'@param listener Name of the listener.\n@param category One category; null: all.\n@param targets Keys of targets; null: all.\n@param fields Names of fields; null: all.\n@param group A group of targets instead of a list: who joins it later is seen too.\n@param window Only readings that are not older; null: however old.\nLets a listener read. Said again for the same category and target it replaces the fields; several add up. TM104: the category cannot be named so; TM107: there is no such listener or group.';
revoke all on function api.subscribe(text, text, text[], text[], text, interval) from public;
grant execute on function api.subscribe(text, text, text[], text[], text, interval) to tmidb_admin;
