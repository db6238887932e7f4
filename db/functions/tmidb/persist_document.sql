-- SPDX-License-Identifier: MIT
-- Registers a GraphQL document. Its name is its content: the same text has the same hash everywhere, and saying it twice changes nothing.
create or replace function tmidb.persist_document(p_text text, p_name text default null) returns text
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_hash bytea := sha256(convert_to(p_text, 'UTF8'));
begin
  insert into tmidb.document (hash, body, name) values (v_hash, p_text, p_name)
  on conflict (hash) do update set name = coalesce(excluded.name, document.name);
  return 'sha256:' || encode(v_hash, 'hex');
exception
  when check_violation or not_null_violation then
    raise exception 'This document cannot be kept.' using errcode = 'TM108', hint = 'A document has 1 to 100,000 bytes.';
end $$;

comment on function tmidb.persist_document(text, text) is 'Registers a GraphQL document of at most 100,000 bytes and returns its id, sha256:<hex>.';
revoke all on function tmidb.persist_document(text, text) from public;
grant execute on function tmidb.persist_document(text, text) to tmidb_admin;
