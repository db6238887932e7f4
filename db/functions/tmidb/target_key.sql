-- SPDX-License-Identifier: MIT
-- The key of a target that is known by its id.
create or replace function tmidb.target_key(p_target_id uuid) returns text
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$ select key from tmidb.target where target_id = p_target_id $$;

comment on function tmidb.target_key(uuid) is 'Key of a target.';
revoke all on function tmidb.target_key(uuid) from public;
grant execute on function tmidb.target_key(uuid) to tmidb_speaker, tmidb_member, tmidb_editor, tmidb_admin;
