-- SPDX-License-Identifier: MIT
-- after: channel
-- Sets a limit; the doors are told. A subject is written as the doors count it: an address without its mask, an IPv6 network of 64 bits
-- (whoever has one address of it has all).
create or replace function tmidb.set_rate_limit(p_scope text, p_endpoint text, p_per_minute int, p_subject text default null) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_kind text := split_part(p_subject, ':', 1);
  v_name text := substr(p_subject, length(v_kind) + 2);
  v_subject text := p_subject;
  v_known boolean := true;
begin
  if p_subject is not null and p_scope = 'address' then
    begin
      v_subject := host(case family(p_subject::inet) when 4 then p_subject::inet else network(set_masklen(p_subject::inet, 64))::inet end);
    exception when invalid_text_representation then
      v_known := false;
    end;
  elsif p_subject is not null and p_scope = 'token' then
    v_known := p_subject ~ '^[0-9]{1,18}$' and exists (select from tmidb.token where token_id = p_subject::bigint);
  elsif p_subject is not null and p_scope = 'user' then
    v_known := case v_kind
      when 'listener' then exists (select from tmidb.listener where name = v_name)
      when 'speaker' then exists (select from tmidb.speaker where name = v_name)
      when 'user' then exists (select from tmidb.account where login = v_name)
      else false end;
  end if;
  if not v_known then
    raise exception 'There is no % %.', p_scope, quote_literal(left(p_subject, 80)) using errcode = 'TM107',
      hint = 'Give a token''s id, listener:<name>, speaker:<name>, user:<login>, or an address.';
  end if;
  if p_per_minute is null then
    delete from tmidb.rate_limit where scope = p_scope and endpoint = p_endpoint and subject is not distinct from v_subject;
    if not found then
      raise exception 'No such limit is set.' using errcode = 'TM107', hint = 'tmictl limits lists them.';
    end if;
  else
    insert into tmidb.rate_limit (scope, endpoint, subject, per_minute) values (p_scope, p_endpoint, v_subject, p_per_minute)
    on conflict (scope, endpoint, subject) do update set per_minute = excluded.per_minute;
  end if;
  perform pg_notify(tmidb.channel('access'), 'rates');
exception
  when check_violation or not_null_violation then
    raise exception 'There is no limit of % for % a minute for each %.', p_per_minute, coalesce(p_endpoint, 'nothing'), coalesce(p_scope, 'nobody')
      using errcode = 'TM108', hint = 'A token, user or address has read, write, ingest and live; an address also login and anonymous. 0 is no limit.';
end $$;

comment on function tmidb.set_rate_limit(text, text, int, text) is
  'Sets how many requests a minute (0: no limit) each token, user or address has for read, write, ingest or live, each address for login or anonymous; for one subject, or null for all. Null instead of a number takes the limit away.';
revoke all on function tmidb.set_rate_limit(text, text, int, text) from public;
grant execute on function tmidb.set_rate_limit(text, text, int, text) to tmidb_admin;
