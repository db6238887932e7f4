-- SPDX-License-Identifier: MIT
-- after: viewed, record_audit
-- An administrator's session shows what somebody else sees, and writes nothing, until tmidb.view_as(null). "set tmidb.view_as =
-- 'listener:A'" does the same for what asks tmidb.identity(); this one is written down, and refuses every write from here on.
create or replace function tmidb.view_as(p_who text) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
  if p_who is not null then
    if current_setting('tmidb.view_as', true) <> '' then
      raise exception 'This session views as % already.', current_setting('tmidb.view_as') using errcode = 'TM108', hint = 'End that first: select tmidb.view_as(null).';
    end if;
    perform tmidb.viewed(p_who);
    perform tmidb.record_audit('access.viewed_as', p_resource => p_who);
  end if;
  perform set_config('tmidb.view_as', coalesce(p_who, ''), false),
    set_config('default_transaction_read_only', case when p_who is null then 'off' else 'on' end, false);
end $$;
comment on function tmidb.view_as(text) is
  'Lets an administrator''s session see what listener:<name> or user:<login> sees, and nothing be written; null: ends it. TM107: there is nobody of that name.';
revoke all on function tmidb.view_as(text) from public;
grant execute on function tmidb.view_as(text) to tmidb_admin;
