-- SPDX-License-Identifier: MIT
-- after: identity, own_account, account_id_named
-- Where a person is signed in: everybody sees their own, an administrator anybody's.
create or replace function tmidb.sessions(p_login text default null)
returns table (session_id text, is_current boolean, is_program boolean, created_at timestamptz, seen_at timestamptz, ends_at timestamptz,
  address text, agent text)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_who constant jsonb := tmidb.identity();
  v_account bigint;
begin
  if p_login is null then
    v_account := tmidb.own_account();
  elsif v_who->>'role' = 'tmidb_admin' then
    v_account := tmidb.account_id_named(p_login);
  else
    raise exception 'Only an administrator sees the sessions of others.' using errcode = 'TM102', hint = 'Leave the login out to see your own.';
  end if;
  return query
    select s.session_id::text, s.session_id::text is not distinct from v_who->>'session_id', s.refresh_hash is not null, s.created_at, s.seen_at,
      case when s.refresh_hash is null then least(s.ends_at, s.seen_at + i.session_idle) else s.ends_at end, s.address, s.agent
    from tmidb.session s cross join tmidb.instance i
    where s.account_id = v_account and s.ends_at > now() and (s.refresh_hash is not null or s.seen_at + i.session_idle > now())
    order by s.seen_at desc, s.session_id desc;
end $$;
comment on function tmidb.sessions(text) is 'Open sessions of a person (null: of the one who asks), the last used first; ends_at is when it ends if it is not used again.';
revoke all on function tmidb.sessions(text) from public;
grant execute on function tmidb.sessions(text) to tmidb_listener, tmidb_viewer, tmidb_editor, tmidb_admin;
