-- SPDX-License-Identifier: MIT
-- after: access_grants
-- What everybody was granted, for administrators. A function in a view is executed with the rights of who asks: the grant on it is the
-- second lock.
create or replace view api.access_grant as select * from tmidb.access_grants();
alter view api.access_grant owner to tmidb_views;

comment on view api.access_grant is E'@primaryKey grant_id\nWhat listeners, people, roles and speakers may do.';
comment on column api.access_grant.grant_id is 'Number of the grant.';
comment on column api.access_grant.holder is 'Whose it is: listener:<name>, user:<login>, role:<name> or speaker:<name>.';
comment on column api.access_grant.actions is 'read, write, command (send to a target), admin (change a target).';
comment on column api.access_grant.category is 'The category; null: all.';
comment on column api.access_grant.target is 'Key of the target; null: all, or those of the group.';
comment on column api.access_grant.target_group is 'The group of targets.';
comment on column api.access_grant.fields is 'The fields that are read; null: all.';
comment on column api.access_grant.time_window is 'Only readings that are not older; null: however old.';
comment on column api.access_grant.words is 'The grant in words.';
comment on column api.access_grant.created_at is 'When it was first said.';
grant select on api.access_grant to tmidb_admin;
