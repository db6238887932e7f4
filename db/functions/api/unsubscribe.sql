-- SPDX-License-Identifier: MIT
-- The API's way to tmidb.unsubscribe, with the rights of who calls.
create or replace function api.unsubscribe(listener text, category text default null, targets text[] default null) returns integer
language sql volatile set search_path = pg_catalog, pg_temp
as $$ select tmidb.unsubscribe(unsubscribe.listener, unsubscribe.category, unsubscribe.targets) $$;

comment on function api.unsubscribe(text, text, text[]) is
  E'@resultFieldName count\n@param listener Name of the listener.\n@param category One category; null: all.\n@param targets Keys of targets; null: all.\nTakes subscriptions of a listener back and gives how many. TM107: there is no such listener.';
revoke all on function api.unsubscribe(text, text, text[]) from public;
grant execute on function api.unsubscribe(text, text, text[]) to tmidb_admin;
