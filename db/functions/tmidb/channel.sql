-- SPDX-License-Identifier: MIT
-- Whoever has a login may notify any channel, and a forged wake-up could claim that there is nothing left to read. So the channels
-- between tmiDB's own processes have names that only those know.
create or replace function tmidb.channel(p_kind text) returns text
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$ select 'tmi_' || p_kind || '_' || secret from tmidb.instance $$;

comment on function tmidb.channel(text) is 'Name of the notification channel for obs, access or schema.';
revoke all on function tmidb.channel(text) from public;
grant execute on function tmidb.channel(text) to tmidb_api, tmidb_edge, tmidb_drain;
