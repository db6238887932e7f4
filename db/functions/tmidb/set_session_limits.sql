-- SPDX-License-Identifier: MIT
-- after: channel
-- How long sessions last: from signing in, and without being used. Open ones are held to it too.
create or replace function tmidb.set_session_limits(p_lifetime interval default null, p_idle interval default null) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
  update tmidb.instance set session_lifetime = coalesce(p_lifetime, session_lifetime), session_idle = coalesce(p_idle, session_idle);
  update tmidb.session s set ends_at = s.created_at + i.session_lifetime, expires_at = least(s.expires_at, s.created_at + i.session_lifetime)
  from tmidb.instance i where s.ends_at > s.created_at + i.session_lifetime;
  perform pg_notify(tmidb.channel('access'), 'sessions');
exception
  when check_violation then
    raise exception 'Sessions cannot last so long, or so short.' using errcode = 'TM108', hint = 'Lifetime 5 minutes to 400 days, idle 1 minute to 400 days.';
end $$;
comment on function tmidb.set_session_limits(interval, interval) is 'How long sessions last (7 days) and how long a browser''s may be unused (24 hours); null: as it is.';
revoke all on function tmidb.set_session_limits(interval, interval) from public;
grant execute on function tmidb.set_session_limits(interval, interval) to tmidb_admin;
