-- SPDX-License-Identifier: MIT
-- One try of so many in any quarter of an hour, counted for all processes together: null if it is taken, else how long to wait for
-- the next one. What is not taken is not counted, so waiting always helps.
create or replace function tmidb.take_try(p_key text, p_most integer) returns interval
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  c_span constant interval := interval '15 minutes';
  v_tries timestamptz[];
begin
  loop
    insert into tmidb.sign_in_try (key, tries, until) values (p_key, array[now()], now() + c_span) on conflict (key) do nothing;
    if found then return null; end if;
    select tries into v_tries from tmidb.sign_in_try where key = p_key for update;
    -- It was tidied away just now.
    continue when not found;
    v_tries := array(select t from unnest(v_tries) t where t > now() - c_span order by t);
    if cardinality(v_tries) >= p_most then return v_tries[cardinality(v_tries) - p_most + 1] + c_span - now(); end if;
    update tmidb.sign_in_try set tries = v_tries || now(), until = now() + c_span where key = p_key;
    return null;
  end loop;
end $$;
comment on function tmidb.take_try(text, integer) is 'Counts a try of so many in 15 minutes; null, or how long until the next one is allowed.';
revoke all on function tmidb.take_try(text, integer) from public;
