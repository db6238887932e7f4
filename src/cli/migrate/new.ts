// SPDX-License-Identifier: MIT
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Args, exit, print, printJson, UsageError } from '../command.ts'
import { folderOf } from './folder.ts'

export function make(args: Args): number {
  const name = args.positionals
    .slice(1)
    .join('_')
    .toLowerCase()
    .replaceAll(/[\s-]+/g, '_')
  if (!/^[a-z0-9_]{1,100}$/.test(name)) throw new UsageError('Say what it does, in a-z, 0-9 and _: tmictl migrate new add_sites')
  const dir = folderOf(args)
  mkdirSync(dir, { recursive: true })
  const stamp = new Date().toISOString().replaceAll(/\D/g, '').slice(0, 14)
  const path = join(dir, `${stamp}_${name}.sql`)
  writeFileSync(path, template(tableOf(name)), { flag: 'wx' })
  if (args.json) printJson({ path })
  else print(path)
  return exit.ok
}

/** "add_sites" is about a table site. */
function tableOf(name: string): string {
  const last = /^(?:add|create|make|new)_(?:table_)?([a-z][a-z0-9_]{0,40})$/.exec(name)?.[1] ?? 'site'
  return /[^s]s$/.test(last) ? last.slice(0, -1) : last
}

function template(table: string): string {
  return `-- A migration is one transaction. Try it first: npx tmictl migrate up --dry-run
-- What stands in the schema app is in GraphQL, REST and OpenAPI a second after it was applied; this example is complete, change it.
-- (For "create index concurrently", a line "-- no transaction" above "Up", and that statement alone.)

-- Up Migration

create table app.${table} (
  ${table}_id bigint generated always as identity primary key,
  target_id uuid not null references tmidb.target (target_id),
  name text not null,
  created_at timestamptz not null default now()
);
-- A foreign key has no index by itself; without one, removing a target would read the whole table.
create index on app.${table} (target_id);

-- Comments become the API's documentation.
comment on table app.${table} is 'Where a target stands.';
comment on column app.${table}.${table}_id is 'Identity.';
comment on column app.${table}.target_id is 'The target that stands here.';
comment on column app.${table}.name is 'What people call it.';
comment on column app.${table}.created_at is 'When it was entered.';

-- Viewers read, editors and administrators also write, by default. With row security on, a policy says which rows.
alter table app.${table} enable row level security;
create policy staff on app.${table} to tmidb_viewer, tmidb_editor, tmidb_admin using (true) with check (true);

-- Listeners get nothing unless it is granted: here the rows of the targets that they may see.
grant select on app.${table} to tmidb_listener;
create policy listener_read on app.${table} for select to tmidb_listener
  using (target_id in (select target_id from api.target));

-- Down Migration

drop table app.${table};
`
}
