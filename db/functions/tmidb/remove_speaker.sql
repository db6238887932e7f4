-- SPDX-License-Identifier: MIT
-- after: end_login
-- A speaker goes with tokens, grants and the PostgreSQL login. Its readings and what the ledger counted of them stay under its number,
-- which nobody gets again. One as which a connector or a person writes is theirs.
create or replace function tmidb.remove_speaker(p_name text) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_table name;
  v_role_name name;
begin
  delete from tmidb.speaker where name = p_name returning role_name into v_role_name;
  if not found then
    raise exception 'There is no speaker named %.', quote_literal(p_name) using errcode = 'TM107', hint = 'Check the spelling.';
  end if;
  perform tmidb.end_login(v_role_name);
exception
  when foreign_key_violation then
    get stacked diagnostics v_table = table_name;
    raise exception 'A % writes as the speaker %.', case v_table when 'account' then 'person' else 'connector' end, quote_literal(p_name)
      using errcode = 'TM106', hint = case v_table when 'account' then 'It goes when the user is gone; tmictl user disable shuts a user out.'
        else 'Remove the connector first, or let it write as another speaker: select tmidb.set_connector(name, p_speaker => ...).' end;
end $$;
comment on function tmidb.remove_speaker(text) is
  'Removes a speaker with tokens, grants and PostgreSQL login, at once; its readings stay. TM106: a connector or a person writes as it; TM107: there is none of this name.';
revoke all on function tmidb.remove_speaker(text) from public;
grant execute on function tmidb.remove_speaker(text) to tmidb_admin;
