-- SPDX-License-Identifier: MIT
-- after: channel
-- Sets how long a request of a role may take; the doors are told.
create or replace function tmidb.set_request_timeout(p_role text, p_timeout interval) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
  update tmidb.request_limit set statement_timeout = p_timeout where role = 'tmidb_' || p_role;
  if not found then
    raise exception 'There is no role %.', quote_literal(left(p_role, 80)) using errcode = 'TM107',
      hint = 'Say anonymous, speaker, listener, viewer, editor or admin.';
  end if;
  perform pg_notify(tmidb.channel('access'), 'limits');
exception
  when check_violation or not_null_violation then
    raise exception 'A request cannot have % of time.', coalesce(p_timeout::text, 'no limit') using errcode = 'TM108',
      hint = 'Give 100 ms to 10 minutes.';
end $$;

comment on function tmidb.set_request_timeout(text, interval) is
  'Sets how long the statement of a request of a role (listener, viewer, editor, admin, speaker, anonymous) may take, 100 ms to 10 minutes.';
revoke all on function tmidb.set_request_timeout(text, interval) from public;
grant execute on function tmidb.set_request_timeout(text, interval) to tmidb_admin;
