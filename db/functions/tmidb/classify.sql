-- SPDX-License-Identifier: MIT
-- after: class_of_rules
-- Works a listener's subscriptions out into rules and puts it into the class that has them; open sockets are told.
create or replace function tmidb.classify(p_listener_id bigint) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_rules jsonb;
begin
  select coalesce(jsonb_object_agg(key, mask), '{}') into v_rules from (
    select coalesce(category_id::text, '*') || '/' || coalesce(target_id::text, '*') as key,
           case when fields is null then '{"*": 1}' else (select coalesce(jsonb_object_agg(f, 1), '{}') from unnest(fields) f) end as mask
    from tmidb.listener_subscriptions where listener_id = p_listener_id
    union all
    select distinct 't/' || coalesce(target_id::text, '*'), '1'::jsonb
    from tmidb.listener_subscriptions where listener_id = p_listener_id) r;
  update tmidb.listener set class_id = tmidb.class_of_rules(v_rules) where listener_id = p_listener_id;
  perform pg_notify(tmidb.channel('access'), 'listener ' || p_listener_id);
end $$;

comment on function tmidb.classify(bigint) is 'Recomputes the permission class of a listener from its subscriptions.';
revoke all on function tmidb.classify(bigint) from public;
