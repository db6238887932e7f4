-- SPDX-License-Identifier: MIT
-- Up Migration
-- What of the generated API is chosen by category.

alter table tmidb.category add column has_aggregates boolean not null default false;
comment on column tmidb.category.has_aggregates is 'Whether GraphQL offers aggregates and groups of its readings.';

-- Down Migration
alter table tmidb.category drop column has_aggregates;
