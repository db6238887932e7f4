-- SPDX-License-Identifier: MIT
-- Classes that somebody was in: those that nobody has any more stay for an hour, since sockets read by them until they have heard of the
-- new one, and go with the next change behind that.
create or replace function tmidb.leave_classes(p_classes bigint[]) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
  update tmidb.permission_class c set left_at = now() where c.class_id = any(p_classes) and c.left_at is null and c.grants <> '[{}]'
    and not exists (select from tmidb.listener l where l.class_id = c.class_id)
    and not exists (select from tmidb.account a where a.class_id = c.class_id);
  delete from tmidb.permission_class where left_at < now() - interval '1 hour';
$$;

comment on function tmidb.leave_classes(bigint[]) is 'Lets go of the permission classes of these that nobody has any more.';
revoke all on function tmidb.leave_classes(bigint[]) from public;
