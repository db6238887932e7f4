-- SPDX-License-Identifier: MIT
-- after: channel, record_audit
-- All sessions of a person, or all but one, end at once; open sockets are told.
create or replace function tmidb.end_account_sessions(p_account_id bigint, p_keep bigint default null) returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_count int;
begin
  delete from tmidb.session where account_id = p_account_id and session_id is distinct from p_keep;
  get diagnostics v_count = row_count;
  if v_count > 0 then
    perform tmidb.record_audit('session.ended', p_detail => jsonb_build_object('count', v_count),
      p_resource => 'user:' || (select login from tmidb.account where account_id = p_account_id));
  end if;
  perform pg_notify(tmidb.channel('access'), 'account ' || p_account_id);
  return v_count;
end $$;
comment on function tmidb.end_account_sessions(bigint, bigint) is 'Ends the sessions of an account, all but this one; gives how many.';
revoke all on function tmidb.end_account_sessions(bigint, bigint) from public;
