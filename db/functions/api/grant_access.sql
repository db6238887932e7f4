-- SPDX-License-Identifier: MIT
-- The API's way to tmidb.grant_access, with the rights of who calls.
create or replace function api.grant_access("to" text, actions text[] default '{read}', category text default null, targets text[] default null,
  "group" text default null, fields text[] default null, "window" interval default null)
returns bigint[]
language sql volatile set search_path = pg_catalog, pg_temp
as $$
  select tmidb.grant_access(grant_access."to", grant_access.actions, grant_access.category, grant_access.targets, grant_access."group",
    grant_access.fields, grant_access."window")
$$;

comment on function api.grant_access(text, text[], text, text[], text, text[], interval) is
  E'@resultFieldName grants\n@param to listener:<name>, user:<login>, role:<name> or speaker:<name>.\n@param actions read, write, command (send to a target), admin (change a target).\n@param category One category; null: all.\n@param targets Keys of targets; null: all.\n@param group A group of targets instead of a list: who joins it later is in it too.\n@param fields Names of fields; null: all.\n@param window Only readings that are not older; null: however old.\nLets somebody do something and gives the numbers of the grants. Said again for the same it replaces the fields; several add up. TM104: the category cannot be named so; TM107: there is nobody, or no group, of this name; TM108: it cannot be granted.';
revoke all on function api.grant_access(text, text[], text, text[], text, text[], interval) from public;
grant execute on function api.grant_access(text, text[], text, text[], text, text[], interval) to tmidb_admin;
