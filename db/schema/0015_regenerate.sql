-- SPDX-License-Identifier: MIT
-- Up Migration
-- What the api processes say of the API they serve, for "tmictl status".

create table tmidb.api_state (
  process text,
  part text,
  built_at timestamptz not null,
  build_ms integer not null,
  builds integer not null,
  failing_since timestamptz,
  reason text,
  left_out jsonb not null,
  constraint api_state_pkey primary key (process, part)
);
comment on table tmidb.api_state is 'What each api process serves: when it was built and, if it cannot be built any more, since when and why.';
comment on column tmidb.api_state.process is 'Name of the api process.';
comment on column tmidb.api_state.part is 'Part of the API: graphql or rest.';
comment on column tmidb.api_state.built_at is 'When what is served now was built.';
comment on column tmidb.api_state.build_ms is 'How long that took, milliseconds.';
comment on column tmidb.api_state.builds is 'How often it was built since the process began.';
comment on column tmidb.api_state.failing_since is 'Since when it cannot be built anew; null if it can.';
comment on column tmidb.api_state.reason is 'Why it cannot be built anew.';
comment on column tmidb.api_state.left_out is 'Views, tables and functions that could not be built, each with why.';

-- Down Migration
drop table tmidb.api_state;
