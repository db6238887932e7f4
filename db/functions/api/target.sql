-- SPDX-License-Identifier: MIT
-- The targets that the one who asks may know.
create or replace view api.target as
select target_id, key, name, meta, created_at from tmidb.target;
alter view api.target owner to tmidb_views;

comment on view api.target is E'@primaryKey target_id\n@unique key\nWhat is observed: a person, a machine, a service.';
comment on column api.target.target_id is 'Identity of the target.';
comment on column api.target.key is 'The device''s own name for it.';
comment on column api.target.name is 'A name for people.';
comment on column api.target.meta is 'Free attributes.';
comment on column api.target.created_at is 'When it was first seen.';
grant select on api.target to tmidb_listener, tmidb_viewer, tmidb_editor, tmidb_admin;
grant insert (key, name, meta), update (name, meta) on api.target to tmidb_editor, tmidb_admin;
-- Of the targets that its trigger lets it change.
grant update (name, meta) on api.target to tmidb_member;
