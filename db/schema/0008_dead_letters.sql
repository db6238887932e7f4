-- SPDX-License-Identifier: MIT
-- Up Migration
-- Dead letters that can be repaired and replayed, and a ledger in which nothing that is thrown away vanishes.

alter table tmidb.raw_bucket
  add column shard smallint,
  add column is_message boolean not null default false,
  add column attempts integer not null default 0,
  add column attempted_at timestamptz,
  add column edited text[] not null default '{}',
  add column edited_at timestamptz,
  add column original bytea;
-- Only messages of devices were kept as bytes so far, and payloads of batches that PostgreSQL refused.
alter table tmidb.raw_bucket no force row level security;
update tmidb.raw_bucket set is_message = true where raw is not null and reason <> 'TM218';
alter table tmidb.raw_bucket force row level security;
comment on column tmidb.raw_bucket.shard is 'The shard that the ledger counts it for; null: that of its target.';
comment on column tmidb.raw_bucket.is_message is
  'Whether raw is a message as it came, with target, ts, mid and data in it and perhaps several readings; else it is the fields of one.';
comment on column tmidb.raw_bucket.attempts is 'How often it was replayed in vain.';
comment on column tmidb.raw_bucket.attempted_at is 'When it was last replayed in vain.';
comment on column tmidb.raw_bucket.edited is 'What a person changed: payload, raw, category, target, ts; these count more than what the message says.';
comment on column tmidb.raw_bucket.edited_at is 'When it was last changed.';
comment on column tmidb.raw_bucket.original is 'What it held before it was first changed.';

alter table tmidb.ledger
  add column discarded bigint not null default 0,
  add constraint discarded_was_quarantined check (discarded between 0 and quarantined);
comment on column tmidb.ledger.discarded is 'Of the quarantined, those that an administrator threw away.';
comment on column tmidb.ledger.quarantined is 'Readings that are in raw_bucket, and those that were discarded from there.';

create table tmidb.removal (
  reason text primary key,
  readings bigint not null default 0,
  last_at timestamptz not null default now(),
  constraint removal_counts_up check (readings >= 0)
);
comment on table tmidb.removal is 'Stored readings that are no longer in ts_obs, by why; the ledger keeps counting them as stored.';
comment on column tmidb.removal.reason is 'Why they went, such as retention.';
comment on column tmidb.removal.readings is 'How many.';
comment on column tmidb.removal.last_at is 'When the last of them went.';

create table tmidb.ledger_minute (
  at timestamptz primary key default now(),
  received bigint not null,
  stored bigint not null,
  duplicate bigint not null,
  quarantined bigint not null
);
comment on table tmidb.ledger_minute is 'The ledger''s totals as they were, once a minute for a day: what rates are worked out from.';
comment on column tmidb.ledger_minute.at is 'When it was noted.';
comment on column tmidb.ledger_minute.received is 'Received until then.';
comment on column tmidb.ledger_minute.stored is 'Stored until then.';
comment on column tmidb.ledger_minute.duplicate is 'Duplicates until then.';
comment on column tmidb.ledger_minute.quarantined is 'Quarantined until then.';

-- Down Migration
drop table tmidb.ledger_minute, tmidb.removal;
alter table tmidb.ledger drop column discarded;
comment on column tmidb.ledger.quarantined is 'Readings that are in raw_bucket.';
alter table tmidb.raw_bucket drop column shard, drop column is_message, drop column attempts, drop column attempted_at,
  drop column edited, drop column edited_at, drop column original;
