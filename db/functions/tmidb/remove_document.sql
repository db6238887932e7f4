-- SPDX-License-Identifier: MIT
-- after: channel
-- Takes a document back; the APIs forget it within a second.
create or replace function tmidb.remove_document(p_id text) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
  delete from tmidb.document where encode(hash, 'hex') = regexp_replace(lower(p_id), '^sha256:', '');
  if not found then
    raise exception 'There is no document %.', quote_literal(left(p_id, 80)) using errcode = 'TM107',
      hint = 'select ''sha256:'' || encode(hash, ''hex''), name from tmidb.document;';
  end if;
  perform pg_notify(tmidb.channel('access'), 'documents');
end $$;

comment on function tmidb.remove_document(text) is 'Removes a registered GraphQL document by its id, sha256:<hex>.';
revoke all on function tmidb.remove_document(text) from public;
grant execute on function tmidb.remove_document(text) to tmidb_admin;
