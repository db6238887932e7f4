-- SPDX-License-Identifier: MIT
-- after: classify
-- Works out anew what the holder of a grant may see: one listener, one person, or everybody of a role; the doors forget what they knew.
create or replace function tmidb.classify_holder(p_grant tmidb.access_grant) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
  if p_grant.listener_id is not null then
    perform tmidb.classify(p_grant.listener_id);
  elsif p_grant.account_id is not null then
    perform tmidb.classify(null, p_grant.account_id);
  elsif p_grant.role_id is not null then
    perform tmidb.classify(null, account_id) from tmidb.account where role_id = p_grant.role_id;
  end if;
  perform pg_notify(tmidb.channel('access'), 'grant');
end $$;
comment on function tmidb.classify_holder(tmidb.access_grant) is 'Works out anew what the holder of this grant may see.';
revoke all on function tmidb.classify_holder(tmidb.access_grant) from public;
