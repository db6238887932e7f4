-- SPDX-License-Identifier: MIT
-- Every table: row security on and forced, so that nobody, its owner included, reads past a policy. The owner's functions get
-- all rows; administrators read all tables; nobody else has a right on any table.
do $$
declare
  t record;
begin
  for t in select c.relname from pg_class c where c.relnamespace = 'tmidb'::regnamespace and c.relkind in ('r', 'p') loop
    execute format('alter table tmidb.%I enable row level security, force row level security', t.relname);
    execute format('drop policy if exists owner_all on tmidb.%I', t.relname);
    execute format('create policy owner_all on tmidb.%I to tmidb_owner using (true) with check (true)', t.relname);
    execute format('drop policy if exists admin_read on tmidb.%I', t.relname);
    execute format('create policy admin_read on tmidb.%I for select to tmidb_admin using (true)', t.relname);
    execute format('revoke all on tmidb.%I from public', t.relname);
    execute format('grant select on tmidb.%I to tmidb_admin', t.relname);
  end loop;
end $$;
revoke select on tmidb.token, tmidb.account, tmidb.session, tmidb.spent_refresh, tmidb.sign_in_try, tmidb.login_to_end from tmidb_admin;
grant select (token_id, prefix, kind, speaker_id, listener_id, label, created_at, expires_at, used_at, revoked_at) on tmidb.token to tmidb_admin;
grant select (account_id, login, email, display_name, role_id, class_id, speaker_id, role_name, created_at, disabled_at, password_changed_at,
  must_change_password, last_login_at) on tmidb.account to tmidb_admin;
grant select (session_id, account_id, created_at, seen_at, expires_at, ends_at, address, agent) on tmidb.session to tmidb_admin;
grant select on tmidb.error_code to tmidb_admin, tmidb_editor, tmidb_viewer;
grant select on tmidb.audit_kind to tmidb_admin;
grant select on tmidb.ts_obs, tmidb.target to tmidb_views;
