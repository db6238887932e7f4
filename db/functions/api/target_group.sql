-- SPDX-License-Identifier: MIT
-- after: target_groups
-- Groups of targets, for administrators.
create or replace view api.target_group as select * from tmidb.target_groups();
alter view api.target_group owner to tmidb_views;

comment on view api.target_group is E'@primaryKey group_id\n@unique name\nTargets that belong together by what is said of them.';
comment on column api.target_group.group_id is 'Number of the group.';
comment on column api.target_group.name is 'What it is called.';
comment on column api.target_group.condition is 'Which targets are in it, as it was said.';
comment on column api.target_group.targets is 'How many are in it now.';
comment on column api.target_group.grants is 'How many grants name it.';
comment on column api.target_group.created_at is 'When it was made.';
grant select on api.target_group to tmidb_admin;
