// SPDX-License-Identifier: MIT
// Every relation and function of the database, tried by everybody: each cell is a statement that is really run as somebody and taken
// back, beside what the catalog says of the privilege. who-may.ts says what ought to come out.
import type { Client } from '../../src/db/superuser.ts'
import { type Command, columnsFor, mayCall, mayTouch } from './who-may.ts'
import type { World } from './world.ts'

export interface Identity {
  /** As who-may.ts calls it. */
  name: string
  /** Who logged in, and what that became. */
  login: string
  role: string
  claims: object | null
}

/** A person of a role of one's own. */
export const member = (world: World): Identity => ({
  name: 'member',
  login: 'tmidb_api',
  role: 'tmidb_member',
  claims: { role: 'tmidb_member', name: 'kim', account_id: world.memberId },
})

export function identities(world: World): Identity[] {
  const api = (name: string, role: string, claims: object = {}): Identity => ({
    name,
    login: 'tmidb_api',
    role,
    claims: { role, name, ...claims },
  })
  const psql = (name: string, login: string): Identity => ({ name, login, role: login, claims: null })
  return [
    api('anonymous', 'tmidb_anonymous'),
    api('listener A', 'tmidb_listener', { listener_id: world.ids.ann }),
    api('listener B', 'tmidb_listener', { listener_id: world.ids.ben }),
    api('speaker', 'tmidb_speaker', { speaker_id: world.speakerId }),
    member(world),
    api('viewer', 'tmidb_viewer'),
    api('editor', 'tmidb_editor'),
    api('admin', 'tmidb_admin'),
    psql('listener by psql', world.logins.ann),
    psql('speaker by psql', world.logins.speaker),
    psql('admin by psql', 'admin'),
    psql('owner', 'tmidb_owner'),
    psql('views', 'tmidb_views'),
    psql('api process', 'tmidb_api'),
    psql('edge process', 'tmidb_edge'),
    psql('drain process', 'tmidb_drain'),
  ]
}

export interface Relation {
  kind: 'relation'
  oid: number
  name: string
  is: 'table' | 'view' | 'sequence'
  columns: string[]
}
export interface Callable {
  kind: 'function'
  oid: number
  /** With its argument types. */
  name: string
  short: string
  call: string
}
export type Thing = Relation | Callable

export async function catalogOf(client: Client): Promise<Thing[]> {
  const { rows: relations } = await client.query<Relation>(`
    select 'relation' as kind, c.oid, format('%I.%I', n.nspname, c.relname) as name,
      case c.relkind when 'v' then 'view' when 'S' then 'sequence' else 'table' end as "is",
      array(select a.attname::text from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
            and a.attgenerated = '' and a.attidentity <> 'a' order by a.attnum) as columns
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S') and (n.nspname in ('tmidb', 'tmidb_parts', 'api', 'app') or n.nspname in (select tmidb.exposed_schemas()))
    order by 2`)
  const { rows: functions } = await client.query<Callable>(`
    select 'function' as kind, p.oid, p.oid::regprocedure::text as name, format('%I.%I', n.nspname, p.proname) as short,
      -- As a select of its own an argument is no constant: a strict function of a constant null would not be called at all.
      case when p.prokind = 'p' then 'call ' when p.prorettype in ('trigger'::regtype, 'event_trigger'::regtype) then 'select ' else 'select from ' end
      || format('%I.%I(%s)', n.nspname, p.proname, (
          select string_agg(format(case when p.prokind = 'p' then 'null::%s' else '(select null::%s)' end, format_type(t, null)), ', ' order by o)
          from unnest(p.proargtypes) with ordinality a(t, o))) as call
    from pg_proc p join pg_namespace n on n.oid = p.pronamespace
    where n.nspname in ('tmidb', 'api', 'app') or n.nspname in (select tmidb.exposed_schemas()) order by 2`)
  return [...relations, ...functions]
}

interface Cell {
  label: string
  /** How a refusal names it. */
  noun: string
  /** Null: the catalog alone is asked. */
  sql: string | null
  /** An expression: whether the catalog gives the privilege. */
  says: string
  ought: (who: string) => boolean
  /** The table all of whose rows this touches. */
  rowsOf?: string
}

const quote = (text: string): string => `'${text.replaceAll("'", "''")}'`

/** What there is to try of a thing. */
export function cellsOf(thing: Thing): Cell[] {
  if (thing.kind === 'function') {
    return [
      {
        label: `execute ${thing.name}`,
        noun: `function ${thing.short.split('.')[1]?.replaceAll('"', '')}`,
        sql: thing.call,
        says: `has_function_privilege(${thing.oid}, 'execute')`,
        ought: (who) => mayCall(thing, who),
      },
    ]
  }
  const { oid, name, is, columns } = thing
  const noun = `${is} ${name.split('.')[1]?.replaceAll('"', '')}`
  const cell = (command: Command, sql: string | null, says: string, rowsOf?: string): Cell => ({
    noun,
    ...(rowsOf === undefined ? {} : { rowsOf }),
    label: `${command} ${name}`,
    sql,
    says,
    ought: (who) => mayTouch(thing, command, who),
  })
  if (is === 'sequence') {
    return [
      cell('select', `select * from ${name}`, `has_sequence_privilege(${oid}, 'select')`),
      cell('usage', `select nextval(${quote(name)})`, `has_sequence_privilege(${oid}, 'usage')`),
      cell('update', `select setval(${quote(name)}, 1)`, `has_sequence_privilege(${oid}, 'update')`),
    ]
  }
  const first = `"${columns[0]}"`
  const whole = (command: string) => `has_table_privilege(${oid}, '${command}')`
  const cells = [
    cell('select', `select * from ${name}`, whole('select'), name),
    // Any column's right is enough for this one: where there are such, the columns are tried alone.
    ...(columnsFor(thing, 'insert') === null ? [cell('insert', `insert into ${name} default values`, whole('insert'))] : []),
    cell('update', `update ${name} set ${first} = ${first}`, whole('update'), name),
    cell('delete', `delete from ${name}`, whole('delete')),
    cell('truncate', `truncate ${name}`, whole('truncate')),
    cell('references', null, whole('references')),
    cell('trigger', null, whole('trigger')),
  ]
  for (const command of ['select', 'insert', 'update'] as const) {
    const some = columnsFor(thing, command)
    if (some === null) continue
    for (const column of columns) {
      const c = `"${column}"`
      const sql = {
        select: `select ${c} from ${name}`,
        insert: `insert into ${name} (${c}) values (null)`,
        update: `update ${name} set ${c} = null where false`,
      }[command]
      cells.push({
        label: `${command} ${name}.${column}`,
        noun,
        sql,
        ...(command === 'select' ? { rowsOf: name } : {}),
        says: `has_column_privilege(${oid}, ${quote(column)}, '${command}')`,
        ought: (who) => mayTouch(thing, command, who) || some(column, who),
      })
    }
  }
  return cells
}

/** Runs the cells as somebody, each taken back; the result is left in a setting, which is all that everybody may write. */
const tryAll = `do $do$
declare
  c jsonb;
  v_all jsonb[] := '{}';
  v_says boolean;
  v_rows bigint;
  v_state text;
  v_message text;
begin
  for c in select value from jsonb_array_elements(current_setting('proof.cells')::jsonb) loop
    v_rows := null; v_state := null; v_says := null; v_message := null;
    begin
      execute 'select ' || (c->>1) into v_says;
    exception when others then null;
    end;
    if c->>0 is null then
      v_all := v_all || jsonb_build_array(v_says, 'catalog', null, null);
      continue;
    end if;
    begin
      execute c->>0;
      get diagnostics v_rows = row_count;
      v_state := 'ok';
      raise exception sqlstate 'PR000';
    exception when others or query_canceled then
      if v_state is null then get stacked diagnostics v_state = returned_sqlstate, v_message = message_text; end if;
    end;
    v_all := v_all || jsonb_build_array(v_says, v_state, v_rows, v_message);
  end loop;
  perform set_config('proof.found', to_jsonb(v_all)::text, true);
end $do$; select current_setting('proof.found') as found`

/** Until the savepoint is gone back to. */
export const becoming = (who: Identity): string =>
  `set local session authorization "${who.login}"${who.role === who.login ? '' : `; set local role "${who.role}"`};
    select set_config('tmidb.claims', ${quote(who.claims === null ? '' : JSON.stringify(who.claims))}, true)`

export interface Outcome {
  label: string
  who: string
  may: boolean
  surprise: string | null
}

/** How many rows each table has. */
export async function counted(client: Client, things: Thing[]): Promise<Map<string, number>> {
  const totals = new Map<string, number>()
  for (const t of things) {
    if (t.kind === 'relation' && t.is === 'table')
      totals.set(t.name, (await client.query<{ n: number }>(`select count(*)::int as n from ${t.name}`)).rows[0]?.n ?? 0)
  }
  return totals
}

type Found = [says: boolean | null, state: string, rows: number | null, message: string | null]

/** The cells of these things as these identities, after something was done to the database; the open transaction stays as it was. */
export async function tried(
  client: Client,
  things: Thing[],
  whos: Identity[],
  totals: Map<string, number>,
  done?: string,
): Promise<Outcome[]> {
  const cells = things.flatMap(cellsOf)
  const outcomes: Outcome[] = []
  for (const who of whos) {
    // All in one message: there are thousands.
    const results =
      (await client.query(`savepoint who; ${done === undefined ? '' : `${done};`} set local statement_timeout = '20s';
      select set_config('proof.cells', ${quote(JSON.stringify(cells.map((c) => [c.sql, c.says])))}, true);
      ${becoming(who)}; ${tryAll}; rollback to who; release who`)) as unknown as { command: string; rows: { found?: string }[] }[]
    const found = JSON.parse(results.find((r) => r.rows[0]?.found !== undefined)?.rows[0]?.found ?? '[]') as Found[]
    for (const [i, cell] of cells.entries()) outcomes.push(judged(cell, who.name, found[i] as Found, totals))
  }
  return outcomes
}

function judged(
  { label, noun, sql, ought, rowsOf }: Cell,
  who: string,
  [says, state, rows, message]: Found,
  totals: Map<string, number>,
): Outcome {
  // A view that takes no writes says so before it asks for a right: then the catalog alone answers.
  const impossible = sql === null || ['55000', '42809', '428C9'].includes(state)
  // A refusal of something else, further in, means that this was passed.
  const refused =
    state === '42501' &&
    (message?.includes('row-level security') || /for schema /.test(message ?? '') || message === `permission denied for ${noun}`)
  const may = impossible ? says === true : !refused
  const expected = ought(who)
  const surprises = [
    may !== expected || (says !== null && says !== expected)
      ? `${expected ? 'ought to be allowed' : 'ought to be refused'}: ${state} ${message ?? ''} (the catalog says ${says})`
      : null,
    // Whoever reads a table reads all of it; views see in it what the one who asks may see, which is nothing when nobody asks.
    state === 'ok' && rowsOf !== undefined && totals.has(rowsOf) && rows !== (who === 'views' ? 0 : totals.get(rowsOf))
      ? `${rows} of ${totals.get(rowsOf)} rows`
      : null,
  ].filter((s) => s !== null)
  return { label, who, may, surprise: surprises.length === 0 ? null : `${who}: ${label}: ${surprises.join(', ')}` }
}
