-- SPDX-License-Identifier: MIT
-- after: api.target, audit_target, may, granted_groups
-- A target made or named through the API's view, whose grants say which columns may be written. The key stays for ever: devices send it.
-- Who sees a target may change it only if it was granted that.
create or replace function tmidb.tg_target__write() returns trigger
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_before int[];
begin
  if TG_OP = 'INSERT' then
    insert into tmidb.target (key, name, meta) values (NEW.key, NEW.name, coalesce(NEW.meta, '{}'))
    returning target_id, meta, created_at into NEW.target_id, NEW.meta, NEW.created_at;
    perform tmidb.audit_target(NEW.target_id);
  else
    if not tmidb.may('admin', null, OLD.key) then
      raise exception 'The target % may not be changed.', quote_literal(OLD.key) using errcode = 'TM102',
        hint = 'Ask an administrator to grant the action admin on it.';
    end if;
    v_before := tmidb.granted_groups(OLD.target_id);
    update tmidb.target set name = NEW.name, meta = NEW.meta where target_id = OLD.target_id
    returning meta into NEW.meta;
    -- A group may be granted to the very person who would move the target into it.
    if tmidb.identity()->>'role' not in ('tmidb_admin', 'tmidb_editor') and tmidb.granted_groups(OLD.target_id) <> v_before then
      raise exception 'This would change who may see the target %.', quote_literal(OLD.key) using errcode = 'TM102',
        hint = 'Ask an editor or administrator: what is said of it puts it into another group.';
    end if;
  end if;
  return NEW;
exception
  when unique_violation then
    raise exception 'There is a target % already.', quote_literal(NEW.key) using errcode = 'TM106', hint = 'Change it, or choose another key.';
  when check_violation or not_null_violation then
    raise exception 'This target cannot be kept.' using errcode = 'TM105', hint = 'A key has 1 to 256 bytes; meta is a JSON object.';
end $$;

comment on function tmidb.tg_target__write() is 'Writes a row of the view api.target. TM102: no right to change it; TM105: its key or meta cannot be used; TM106: the key is taken.';
revoke all on function tmidb.tg_target__write() from public;

create or replace trigger write instead of insert or update on api.target for each row execute function tmidb.tg_target__write();
