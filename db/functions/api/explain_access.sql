-- SPDX-License-Identifier: MIT
-- after: explain_access, identity
-- Why somebody sees something or not. Administrators ask about anybody; the others about themselves, and are told what their own grants
-- come to and nothing beside: not whether there is such a category or target, nor what is said of it.
create or replace function api.explain_access(who text default null, category text default null, target text default null,
  field text default null, ts timestamptz default null, action text default 'read', address text default null,
  out verdict boolean, out "grant" bigint, out because text, out steps text[], out grants jsonb)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_asking constant jsonb := tmidb.identity();
  v_is_admin constant boolean := v_asking->>'role' = 'tmidb_admin';
  v_self constant text := case when v_asking ? 'listener_id' then 'listener:' when v_asking ? 'account_id' then 'user:' end || (v_asking->>'name');
  v record;
begin
  if not v_is_admin and coalesce(explain_access.who, v_self) is distinct from v_self or coalesce(explain_access.who, v_self) is null then
    raise exception 'You may ask about yourself only.' using errcode = 'TM102', hint = 'Leave out "who"; administrators ask about others.';
  end if;
  select * into v from tmidb.explain_access(coalesce(explain_access.who, v_self), explain_access.category, explain_access.target,
    explain_access.field, coalesce(explain_access.ts, now()), explain_access.action, explain_access.address::inet);
  verdict := v.verdict;
  "grant" := v.grant_id;
  because := case when v_is_admin or v.verdict then v.because else 'none of your grants allows it' end;
  steps := case when v_is_admin then v.steps else '{}' end;
  grants := case when v_is_admin then v.grants
    else (select coalesce(jsonb_agg(g - 'why' order by (g->>'grant_id')::bigint), '[]') from jsonb_array_elements(v.grants) g) end;
end $$;

comment on function api.explain_access(text, text, text, text, timestamptz, text, text) is $$@param who listener:<name>, user:<login>, role:<name>, speaker:<name> or token:<prefix>; null: yourself. Only administrators ask about others.
@param category The category; null: any.
@param target Key of the target; null: any.
@param field The field; null: whether the reading is seen at all.
@param ts Time of the reading; null: now.
@param action read, write, command or admin.
@param address Where a token is used from, an IP address; null: not asked.
@column verdict Whether it may be done.
@column grant Number of the grant that decides.
@column because What decides, in words.
@column steps For a no: each step that failed; only for administrators.
@column grants Every grant that was looked at: [{"grant_id", "grant", "applies", "why"}], "why" only for administrators.
Whether somebody may read (write, command, admin) something, and which grant decides. TM102: only administrators ask about others; TM107: there is nobody of that name; TM108: there is no such action.$$;
revoke all on function api.explain_access(text, text, text, text, timestamptz, text, text) from public;
grant execute on function api.explain_access(text, text, text, text, timestamptz, text, text) to tmidb_listener, tmidb_viewer, tmidb_editor, tmidb_admin;
