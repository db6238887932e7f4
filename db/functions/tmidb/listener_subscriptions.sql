-- SPDX-License-Identifier: MIT
-- What listeners subscribed to: the grants that are theirs.
create or replace view tmidb.listener_subscriptions as
select grant_id as subscription_id, listener_id, category_id, target_id, group_id, fields, time_window, created_at
from tmidb.access_grant where listener_id is not null;
comment on view tmidb.listener_subscriptions is
  'What a listener may read: a category (null: all), a target or a group of targets (null: all), fields (null: all), how old (null: however old).';
comment on column tmidb.listener_subscriptions.subscription_id is 'Number of the grant.';
comment on column tmidb.listener_subscriptions.listener_id is 'Who may read.';
comment on column tmidb.listener_subscriptions.category_id is 'The category; null: all.';
comment on column tmidb.listener_subscriptions.target_id is 'The target; null: all, or those of the group.';
comment on column tmidb.listener_subscriptions.group_id is 'The group of targets.';
comment on column tmidb.listener_subscriptions.fields is 'The fields; null: all.';
comment on column tmidb.listener_subscriptions.time_window is 'Only readings that are not older; null: however old.';
comment on column tmidb.listener_subscriptions.created_at is 'When it was first said.';
revoke all on tmidb.listener_subscriptions from public;
grant select on tmidb.listener_subscriptions to tmidb_admin;
