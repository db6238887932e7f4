-- SPDX-License-Identifier: MIT
-- The API's way to tmidb.subscribe, with the rights of who calls.
create or replace function api.subscribe(listener text, category text default null, targets text[] default null, fields text[] default null)
returns void
language sql volatile set search_path = pg_catalog, pg_temp
as $$ select tmidb.subscribe(subscribe.listener, subscribe.category, subscribe.targets, subscribe.fields) $$;

comment on function api.subscribe(text, text, text[], text[]) is
  E'@param listener Name of the listener.\n@param category One category; null: all.\n@param targets Keys of targets; null: all.\n@param fields Names of fields; null: all.\nLets a listener read. Said again for the same category and target it replaces the fields; several add up. TM104: the category cannot be named so; TM107: there is no such listener.';
revoke all on function api.subscribe(text, text, text[], text[]) from public;
grant execute on function api.subscribe(text, text, text[], text[]) to tmidb_admin;
