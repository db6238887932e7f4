-- SPDX-License-Identifier: MIT
-- What a token of somebody may be given. Of a person with a role of one's own that is to read, and what was granted to it or its role.
create or replace function tmidb.owner_scopes(p_kind text, p_id bigint) returns text[]
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select case p_kind
    when 'speaker' then array['write']
    when 'listener' then array['read']
    else (
      select case r.request_role
        when 'tmidb_admin' then array['read', 'write', 'command', 'admin']
        when 'tmidb_editor' then array['read', 'write', 'command']
        when 'tmidb_viewer' then array['read']
        else array(
          select s from unnest(array['read', 'write', 'command', 'admin']) s
          where s = 'read' or exists (
            select from tmidb.access_grant g where (g.account_id = a.account_id or g.role_id = a.role_id) and s = any(g.actions))) end
      from tmidb.account a join tmidb.access_role r using (role_id) where a.account_id = p_id) end
$$;

comment on function tmidb.owner_scopes(text, bigint) is 'The scopes that a token of this speaker, listener or user (by its id) may have.';
revoke all on function tmidb.owner_scopes(text, bigint) from public;
