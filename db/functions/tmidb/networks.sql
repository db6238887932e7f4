-- SPDX-License-Identifier: MIT
-- Addresses and networks as people write them: 10.0.0.7, 10.0.0.7/8 (the network it is in), 2001:db8::/32.
create or replace function tmidb.networks(p_from text[]) returns cidr[]
language plpgsql immutable set search_path = pg_catalog, pg_temp
as $$
declare
  v_one text;
  v cidr[] := '{}';
begin
  if p_from is null then return null; end if;
  foreach v_one in array p_from loop
    if v_one is null then raise invalid_text_representation; end if;
    v := v || network(v_one::inet);
  end loop;
  if cardinality(v) not between 1 and 100 then
    raise exception 'A token comes from 1 to 100 networks, or from anywhere.' using errcode = 'TM108', hint = 'Leave the list out to allow any address.';
  end if;
  return v;
exception when invalid_text_representation then
  raise exception '% is no address and no network.', coalesce(quote_literal(left(v_one, 80)), 'null') using errcode = 'TM108',
    hint = 'Write it like 10.0.0.7, 10.0.0.0/8 or 2001:db8::/32.';
end $$;

comment on function tmidb.networks(text[]) is 'Texts as networks; TM108 for what is none.';
revoke all on function tmidb.networks(text[]) from public;
