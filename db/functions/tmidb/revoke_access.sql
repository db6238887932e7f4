-- SPDX-License-Identifier: MIT
-- after: classify_holder
-- Takes a grant back. A speaker stays bound to its grants, also when the last one is gone: nothing is opened by taking away.
create or replace function tmidb.revoke_access(p_grant_id bigint) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_gone tmidb.access_grant;
begin
  delete from tmidb.access_grant where grant_id = p_grant_id returning * into v_gone;
  if not found then
    raise exception 'There is no grant %.', p_grant_id using errcode = 'TM107', hint = 'select * from tmidb.access_grant;';
  end if;
  perform tmidb.classify_holder(v_gone);
end $$;
comment on function tmidb.revoke_access(bigint) is 'Takes a grant back, by its number; TM107 if there is none.';
revoke all on function tmidb.revoke_access(bigint) from public;
grant execute on function tmidb.revoke_access(bigint) to tmidb_admin;
