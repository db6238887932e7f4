-- SPDX-License-Identifier: MIT
-- The speaker of a connector by its name; without one it is "connectors", which is made at need.
create or replace function tmidb.connector_speaker(p_name text) returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_id bigint;
begin
  select speaker_id into v_id from tmidb.speaker where name = coalesce(p_name, 'connectors');
  if found then return v_id; end if;
  if p_name is not null then
    raise exception 'There is no speaker named %.', quote_literal(p_name) using errcode = 'TM107',
      hint = 'select tmidb.create_speaker(name) makes one.';
  end if;
  insert into tmidb.speaker (name) values ('connectors') on conflict (name) do update set name = excluded.name returning speaker_id into v_id;
  return v_id;
end $$;

comment on function tmidb.connector_speaker(text) is 'Identity of the speaker that a connector writes as.';
revoke all on function tmidb.connector_speaker(text) from public;
