-- SPDX-License-Identifier: MIT
-- after: create_token, create_target
-- A new speaker and its first token.
create or replace function tmidb.create_speaker(p_name text, p_target text default null, p_may_create boolean default true) returns text
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
  insert into tmidb.speaker (name, target_id, may_create)
  values (p_name, case when p_target is not null then tmidb.create_target(p_target) end, p_may_create);
  return tmidb.create_token('speaker', p_name);
exception
  when unique_violation then
    raise exception 'There is a speaker named % already.', quote_literal(p_name) using errcode = 'TM106',
      hint = 'Choose another name, or make it a further token: select tmidb.create_token(''speaker'', name).';
  when check_violation then
    raise exception 'The name % cannot be used.', quote_literal(left(p_name, 80)) using errcode = 'TM303',
      hint = 'Use up to 63 letters, digits, dots, dashes and underscores.';
end $$;

comment on function tmidb.create_speaker(text, text, boolean) is 'Makes a speaker (for one target, if given) and returns its token, shown once.';
revoke all on function tmidb.create_speaker(text, text, boolean) from public;
grant execute on function tmidb.create_speaker(text, text, boolean) to tmidb_admin;
