-- SPDX-License-Identifier: MIT
-- after: classify, listener_named
-- Takes subscriptions back; null means all of the listener's.
create or replace function tmidb.unsubscribe(p_listener text, p_category text default null, p_targets text[] default null) returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_listener bigint := tmidb.listener_named(p_listener);
  v_count int;
begin
  delete from tmidb.access_grant s where s.listener_id = v_listener
    and (p_category is null or s.category_id = (select category_id from tmidb.category where name = p_category))
    and (p_targets is null or s.target_id = any(select target_id from tmidb.target where key = any(p_targets)));
  get diagnostics v_count = row_count;
  perform tmidb.classify(v_listener);
  return v_count;
end $$;

comment on function tmidb.unsubscribe(text, text, text[]) is 'Takes subscriptions of a listener back; returns how many.';
revoke all on function tmidb.unsubscribe(text, text, text[]) from public;
grant execute on function tmidb.unsubscribe(text, text, text[]) to tmidb_admin;
