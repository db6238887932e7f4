-- SPDX-License-Identifier: MIT
-- after: try_wait
-- One try of so many in any quarter of an hour, counted for all processes together: null if it is taken, else how long to wait for
-- the next one. What is not taken is not counted, so waiting always helps.
create or replace function tmidb.take_try(p_key text, p_most integer) returns interval
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_wait interval;
begin
  loop
    insert into tmidb.sign_in_try (key, tries, until) values (p_key, array[now()], now() + interval '15 minutes') on conflict (key) do nothing;
    if found then return null; end if;
    perform from tmidb.sign_in_try where key = p_key for update;
    -- It was tidied away just now.
    continue when not found;
    v_wait := tmidb.try_wait(p_key, p_most);
    if v_wait is null then
      update tmidb.sign_in_try set until = now() + interval '15 minutes',
        tries = array(select t from unnest(tries) t where t > now() - interval '15 minutes') || now()
      where key = p_key;
    end if;
    return v_wait;
  end loop;
end $$;
comment on function tmidb.take_try(text, integer) is 'Counts a try of so many in 15 minutes; null, or how long until the next one is allowed.';
revoke all on function tmidb.take_try(text, integer) from public;
