-- SPDX-License-Identifier: MIT
-- As what a token's requests run. A scope only ever narrows: it counts as far as the owner has the right today, and the role that is
-- chosen has what is left. "admin" stands for all that the owner may.
create or replace function tmidb.scoped_role(p_role text, p_scopes text[]) returns text
language sql immutable set search_path = pg_catalog, pg_temp
as $$
  select case
    when p_scopes is null or 'admin' = any(p_scopes) then p_role
    when m.reads and m.writes then case p_role when 'tmidb_admin' then 'tmidb_editor' else p_role end
    when m.reads then case when p_role in ('tmidb_admin', 'tmidb_editor') then 'tmidb_viewer' when p_role = 'tmidb_member' then 'tmidb_listener' else p_role end
    when m.writes then 'tmidb_speaker' end
  from (select
    'read' = any(p_scopes) and p_role in ('tmidb_listener', 'tmidb_member', 'tmidb_viewer', 'tmidb_editor', 'tmidb_admin') as reads,
    'write' = any(p_scopes) and p_role in ('tmidb_speaker', 'tmidb_member', 'tmidb_editor', 'tmidb_admin') as writes) m
$$;

comment on function tmidb.scoped_role(text, text[]) is 'The request role of a token: its owner''s role narrowed by its scopes; null: nothing is left.';
revoke all on function tmidb.scoped_role(text, text[]) from public;
