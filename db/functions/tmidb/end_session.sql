-- SPDX-License-Identifier: MIT
-- after: identity, own_account, channel, record_audit
-- Ends a session: one's own, or anybody's by an administrator. What is not there and what is not one's own are the same.
create or replace function tmidb.end_session(p_session_id bigint) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_who constant jsonb := tmidb.identity();
  v_account bigint;
begin
  delete from tmidb.session s
  where s.session_id = p_session_id
    and (v_who->>'role' = 'tmidb_admin' or s.account_id = case when v_who ? 'account_id' then tmidb.own_account() end)
  returning s.account_id into v_account;
  if not found then
    raise exception 'There is no such session.' using errcode = 'TM107', hint = 'It is over already, or not yours.';
  end if;
  perform tmidb.record_audit('session.ended', p_detail => jsonb_build_object('session_id', p_session_id),
    p_resource => 'user:' || (select login from tmidb.account where account_id = v_account));
  perform pg_notify(tmidb.channel('access'), 'session ' || p_session_id);
end $$;
comment on function tmidb.end_session(bigint) is 'Ends a session; TM107 if there is none of this number, or it is somebody else''s.';
revoke all on function tmidb.end_session(bigint) from public;
grant execute on function tmidb.end_session(bigint) to tmidb_listener, tmidb_viewer, tmidb_editor, tmidb_admin;
