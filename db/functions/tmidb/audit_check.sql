-- SPDX-License-Identifier: MIT
-- after: audit_text
-- Walks the chain from its beginning. It finds a row that was changed (its own hash differs), one that was taken out or put in (a place
-- is missing or the next hash differs), an end that was cut off (the head knows better), and, if the caller wrote down an earlier end, a
-- chain that somebody made anew as a whole, which nothing inside this database could show. It is stable: rows and head are of one
-- snapshot, whoever seals meanwhile. Rows without a place are not wrong, they are not sealed yet (tmidb.seal_audit).
create or replace function tmidb.audit_check(p_known_seq bigint default null, p_known_hash text default null)
returns table (checked bigint, head_seq bigint, head_hash text, broken_seq bigint, why text, unsealed bigint)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_head tmidb.audit_head;
  v_first bigint;
  v_known bytea;
begin
  select * into v_head from tmidb.audit_head;
  head_seq := v_head.seq;
  head_hash := encode(v_head.hash, 'hex');
  -- One pass in the order of the index on seq; a row's hash is of the stored hash before it, so what is changed is found where it is.
  select count(*), min(c.seq) filter (where c.is_wrong) into checked, broken_seq
  from (
    select a.seq, coalesce(a.seq <> lag(a.seq, 1, 0::bigint) over w + 1
      or a.hash <> sha256(lag(a.hash, 1, ''::bytea) over w || convert_to(tmidb.audit_text(a), 'UTF8')), true) as is_wrong
    from tmidb.audit a where a.seq is not null window w as (order by a.seq)) c;
  if broken_seq is not null then
    select coalesce(max(a.seq), 0) + 1 into v_first from tmidb.audit a where a.seq < broken_seq;
    why := case when v_first = broken_seq then 'Its hash is not that of what it says and of the hash before it.'
      else format('The rows from here to %s are missing.', broken_seq - 1) end;
    broken_seq := v_first;
  elsif not exists (select from tmidb.audit a where a.seq = v_head.seq and a.hash = v_head.hash) and v_head.seq > 0 or checked <> v_head.seq then
    broken_seq := least(checked, v_head.seq) + 1;
    why := case when checked < v_head.seq then 'The end of the chain is missing.' else 'The end of the chain is not what was written down beside it.' end;
  end if;
  if broken_seq is null and p_known_seq > 0 then
    select a.hash into v_known from tmidb.audit a where a.seq = p_known_seq;
    if v_known is null then
      broken_seq := v_head.seq + 1;
      why := format('The chain ends before place %s, which was written down.', p_known_seq);
    elsif encode(v_known, 'hex') <> lower(p_known_hash) then
      broken_seq := p_known_seq;
      why := 'The hash is not the one that was written down: the chain was made anew.';
    end if;
  end if;
  select count(*) into unsealed from tmidb.audit a where a.seq is null;
  return next;
end $$;

comment on function tmidb.audit_check(bigint, text) is
  'Checks the sealed part of the audit and changes nothing: rows checked, its end, the first place that is broken and why (null: none), and how many rows are not sealed yet. With a place and hash (hex) written down earlier it also finds a chain that was cut or made anew.';
revoke all on function tmidb.audit_check(bigint, text) from public;
grant execute on function tmidb.audit_check(bigint, text) to tmidb_admin;
