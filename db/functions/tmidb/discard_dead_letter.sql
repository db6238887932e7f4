-- SPDX-License-Identifier: MIT
-- after: discard_dead_letters
create or replace function tmidb.discard_dead_letter(p_raw_id bigint) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
begin
  if tmidb.discard_dead_letters(p_raw_id => p_raw_id) = 0 then
    raise exception 'There is no dead letter %.', p_raw_id using errcode = 'TM107',
      hint = 'It was replayed or discarded, or somebody is replaying it right now.';
  end if;
end $$;

comment on function tmidb.discard_dead_letter(bigint) is 'Throws one dead letter away; the ledger counts it, the audit names it.';
revoke all on function tmidb.discard_dead_letter(bigint) from public;
grant execute on function tmidb.discard_dead_letter(bigint) to tmidb_admin;
