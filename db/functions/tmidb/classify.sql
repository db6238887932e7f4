-- SPDX-License-Identifier: MIT
-- after: class_of_grants, read_grants, leave_classes
-- Puts listeners and people into the classes of what they were granted; doors and open sockets are told. Null for both: everybody.
create or replace function tmidb.classify(p_listener_id bigint, p_account_id bigint default null) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_before bigint[] := array(
    select class_id from tmidb.listener where listener_id = p_listener_id or p_listener_id is null and p_account_id is null
    union select class_id from tmidb.account where account_id = p_account_id or p_listener_id is null and p_account_id is null);
begin
  -- Against who makes targets at this moment (tmidb.tg_target__lock_groups): rules are worked out with all that there are.
  lock table tmidb.target_group in exclusive mode;
  update tmidb.listener l set class_id = n.class_id
  from (
    select listener_id, tmidb.class_of_grants(tmidb.read_grants(listener_id, null, null)) as class_id from tmidb.listener
    where listener_id = p_listener_id or p_listener_id is null and p_account_id is null) n
  where n.listener_id = l.listener_id and n.class_id <> l.class_id;
  update tmidb.account a set class_id = n.class_id
  from (
    select account_id, case r.request_role when 'tmidb_member' then tmidb.class_of_grants(tmidb.read_grants(null, account_id, null)) end as class_id
    from tmidb.account join tmidb.access_role r using (role_id)
    where account_id = p_account_id or p_listener_id is null and p_account_id is null) n
  where n.account_id = a.account_id and n.class_id is distinct from a.class_id;
  perform tmidb.leave_classes(v_before);
  perform pg_notify(tmidb.channel('access'), coalesce('listener ' || p_listener_id, 'account ' || p_account_id, 'all'));
end $$;
comment on function tmidb.classify(bigint, bigint) is 'Works the permission class of a listener or a person out anew; null, null: of everybody.';
revoke all on function tmidb.classify(bigint, bigint) from public;
