// SPDX-License-Identifier: MIT
// Every way in which one right could be a little too wide: made from the catalog, so that what is added tomorrow is spoiled too.
import type { Client } from '../../src/db/superuser.ts'

export interface Mutant {
  kind: string
  /** What it spoils: the relation or function (with its argument types). */
  of: string
  sql: string
  /** The line that it changes. */
  line?: string
}

const roles = [
  'public',
  'tmidb_anonymous',
  'tmidb_speaker',
  'tmidb_listener',
  'tmidb_viewer',
  'tmidb_editor',
  'tmidb_admin',
  'tmidb_api',
  'tmidb_edge',
  'tmidb_drain',
]
const roleList = roles.map((r) => `'${r}'`).join(', ')
const has = (grantee: string, acl: string, privilege: string) =>
  `exists (select from aclexplode(${acl}) x where x.privilege_type = ${privilege} and x.grantee = case ${grantee} when 'public' then 0 else to_regrole(${grantee})::oid end)`

/** Kinds, each with the query that makes its mutants as (of, sql). */
const kinds: Record<string, string> = {
  // A policy for who has no right to the table does nothing, and nothing is lost with it.
  'policy dropped': `select polrelid::regclass::text as of, format('drop policy %I on %s', polname, polrelid::regclass) as sql
    from pg_policy where polrelid in (select oid from rel) and exists (select from unnest(polroles) o where o = 0 or has_any_column_privilege(o, polrelid, 'select'))`,
  'policy open to all rows': `select polrelid::regclass::text as of, format('alter policy %I on %s using (true)', polname, polrelid::regclass) as sql
    from pg_policy where polrelid in (select oid from rel) and pg_get_expr(polqual, polrelid) <> 'true'`,
  'policy without rows': `select polrelid::regclass::text as of, format('alter policy %I on %s using (false)', polname, polrelid::regclass) as sql
    from pg_policy where polrelid in (select oid from rel) and exists (select from unnest(polroles) o where o = 0 or has_any_column_privilege(o, polrelid, 'select'))`,
  'policy for everybody': `select polrelid::regclass::text as of, format('alter policy %I on %s to public', polname, polrelid::regclass) as sql
    from pg_policy where polrelid in (select oid from rel)`,
  'policy that writes': `select polrelid::regclass::text as of, format('drop policy %1$I on %2$s; create policy %1$I on %2$s to %3$s using (%4$s) with check (true)', polname,
      polrelid::regclass, (select string_agg(r::regrole::text, ', ') from unnest(polroles) r), pg_get_expr(polqual, polrelid)) as sql
    from pg_policy where polrelid in (select oid from rel) and polcmd <> '*'`,
  'policy that lets nothing be written': `select polrelid::regclass::text as of, format('alter policy %I on %s with check (false)', polname, polrelid::regclass) as sql
    from pg_policy where polrelid in (select oid from rel) and polcmd = '*'`,
  'policy added that lets all through': `select oid::regclass::text as of, format('create policy stray on %s using (true)', oid::regclass) as sql from rel where relkind in ('r', 'p')`,
  'row security off': `select oid::regclass::text as of, format('alter table %s disable row level security', oid::regclass) as sql from rel where relkind in ('r', 'p')`,
  'row security not forced': `select oid::regclass::text as of, format('alter table %s no force row level security', oid::regclass) as sql from rel where relkind in ('r', 'p')`,
  'table given away': `select oid::regclass::text as of, format('alter table %s owner to tmidb_views', oid::regclass) as sql from rel where relkind in ('r', 'p')`,
  'view by who asks': `select oid::regclass::text as of, format('alter view %s set (security_invoker = true)', oid::regclass) as sql from rel where relkind = 'v' and relowner = 'tmidb_views'::regrole`,
  'view of the owner': `select oid::regclass::text as of, format('alter view %s owner to tmidb_owner', oid::regclass) as sql from rel where relkind = 'v' and relowner = 'tmidb_views'::regrole`,
  'view of the administrator': `select oid::regclass::text as of, format('alter view %s owner to tmidb_admin', oid::regclass) as sql from rel where relkind = 'v' and relowner = 'tmidb_views'::regrole`,
  'right to a relation': `select rel.oid::regclass::text as of, format('grant %s on %s to %s', p, rel.oid::regclass, r) as sql
    from rel, unnest(array[${roleList}]) r, unnest(array['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) p
    where relkind in ('r', 'p', 'v') and not ${has('r', "coalesce(relacl, acldefault('r', relowner))", 'p')}`,
  'right to a column': `select rel.oid::regclass::text as of, format('grant %s (%I) on %s to %s', p, a.attname, rel.oid::regclass, r) as sql
    from rel join pg_attribute a on a.attrelid = rel.oid and a.attnum > 0 and not a.attisdropped, unnest(array['tmidb_listener', 'tmidb_admin']) r, unnest(array['SELECT', 'UPDATE']) p
    where rel.oid in ('tmidb.token'::regclass, 'tmidb.account'::regclass, 'tmidb.ingest_connector'::regclass, 'api.target'::regclass)
      and not has_column_privilege(r, rel.oid, a.attnum, p)`,
  'right to a sequence': `select rel.oid::regclass::text as of, format('grant %s on sequence %s to %s', p, rel.oid::regclass, r) as sql
    from rel, unnest(array['public', 'tmidb_speaker', 'tmidb_listener', 'tmidb_api']) r, unnest(array['SELECT', 'USAGE', 'UPDATE']) p where relkind = 'S'`,
  'right to a schema': `select 'tmidb_parts' as of, format('grant %s on schema tmidb_parts to %s', p, r) as sql from unnest(array[${roleList}]) r, unnest(array['USAGE', 'CREATE']) p`,
  'right to a function': `select f.oid::regprocedure::text as of, format('grant execute on function %s to %s', f.oid::regprocedure, r) as sql
    from pg_proc f, unnest(array[${roleList}]) r
    where f.pronamespace in ('tmidb'::regnamespace, 'api'::regnamespace)
      and not ${has("'public'", "coalesce(f.proacl, acldefault('f', f.proowner))", "'EXECUTE'")} and not ${has('r', "coalesce(f.proacl, acldefault('f', f.proowner))", "'EXECUTE'")}`,
  'right lost': `select rel.oid::regclass::text as of, format('revoke %s on %s from %s', x.privilege_type, rel.oid::regclass, x.grantee::regrole) as sql
    from rel, aclexplode(relacl) x where x.grantee <> relowner and x.grantee <> 0
    union all
    select f.oid::regprocedure::text, format('revoke execute on function %s from %s', f.oid::regprocedure, x.grantee::regrole)
    from pg_proc f, aclexplode(f.proacl) x where f.pronamespace in ('tmidb'::regnamespace, 'api'::regnamespace) and x.grantee <> f.proowner and x.grantee <> 0`,
  // Upwards only: who is above has everything already.
  'role inside another': `select r as of, format('grant %I to %I', p, r) as sql
    from unnest(array['tmidb_admin', 'tmidb_editor', 'tmidb_viewer', 'tmidb_listener', 'tmidb_speaker', 'tmidb_anonymous', 'tmidb_edge', 'tmidb_drain'],
        array[4, 3, 2, 1, 0, 0, 0, 0]) r(r, rank),
      unnest(array['tmidb_admin', 'tmidb_editor', 'tmidb_viewer', 'tmidb_listener', 'tmidb_views', 'tmidb_owner', 'pg_read_all_data', 'pg_write_all_data'],
        array[4, 3, 2, 1, 9, 9, 9, 9]) p(p, rank)
    where p.rank > r.rank and not pg_has_role(r, p, 'member') and not pg_has_role(p, r, 'member')`,
  'role above row security': `select rolname::text as of, format('alter role %I bypassrls', rolname) as sql from pg_roles where rolname ~ '^tmidb_' or rolname = 'admin'`,
}

const rel = `with rel as (
  select c.* from pg_class c where c.relkind in ('r', 'p', 'v', 'S')
    and (c.relnamespace in ('tmidb'::regnamespace, 'api'::regnamespace)
      -- Partitions are made by one function each, so the first of each kind stands for all.
      or c.oid in (select min(p.oid) from pg_class p where p.relnamespace = 'tmidb_parts'::regnamespace and p.relkind = 'r' group by regexp_replace(p.relname, '[0-9]+$', ''))))`

export async function mutantsOfRights(client: Client): Promise<Mutant[]> {
  const all: Mutant[] = []
  for (const [kind, sql] of Object.entries(kinds)) {
    const { rows } = await client.query<{ of: string; sql: string }>(`${rel} ${sql} order by 2`)
    all.push(...rows.map((r) => ({ kind, ...r })))
  }
  return all
}

/** Views with a condition left out of their text: each field's mask, the category, and the rules that are added up. */
export async function mutantsOfViews(client: Client): Promise<Mutant[]> {
  const { rows } = await client.query<{ of: string; text: string }>(`
    select format('api.%I', c.name || '_v' || v.major) as of, tmidb.view_sql(c.category_id, v.major, f.fields) as text
    from tmidb.category c
    cross join lateral (select distinct major from tmidb.schema_version s where s.category_id = c.category_id) v
    cross join lateral (select s.fields from tmidb.schema_version s where s.category_id = c.category_id and s.major = v.major order by s.minor desc limit 1) s
    cross join lateral (select jsonb_agg(x order by a.attnum) as fields from tmidb.shown_fields(s.fields) x
      join pg_attribute a on a.attrelid = format('api.%I', c.name || '_v' || v.major)::regclass and a.attname = x->>'column') f`)
  return rows.flatMap(({ of, text }) => {
    const masks = [...text.matchAll(/case when m\.every or \(?.+? then/g)]
    return [
      ...masks.map((m) => ({
        kind: 'view without a mask',
        of,
        sql: spliced(text, m.index, m[0], 'case when true then'),
        line: lineAt(text, m.index),
      })),
      ...leftOut(of, text, 'view without its category', /\nwhere o\.category_id = \d+$/g, ''),
      ...leftOut(of, text, 'view with all fields', /r\.mask \? '\*' as every/g, 'true as every'),
      ...leftOut(of, text, 'view with a rule less', /coalesce\((?:r|g)\.rules -> [^,]+, '\{\}'\)/g, "'{}'::jsonb"),
    ]
  })
}

const lineAt = (text: string, at: number): string =>
  text
    .slice(text.lastIndexOf('\n', at) + 1)
    .split('\n', 1)[0]
    ?.trim() ?? ''

const spliced = (text: string, at: number, old: string, put: string): string =>
  text.slice(0, at) + put + text.slice(at + old.length)

/** One mutant for each place where the pattern is found; $1 is its first group. */
export function leftOut(of: string, text: string, kind: string, pattern: RegExp, put: string): Mutant[] {
  return [...text.matchAll(pattern)].map((m) => ({
    kind,
    of,
    sql: spliced(text, m.index, m[0], put.replaceAll('$1', m[1] ?? '')),
    line: `${m[0]} in ${lineAt(text, m.index)}`,
  }))
}

/** Who may see everything. */
const all = `'{"*/*": {"*": 1}, "t/*": 1, "c/*": {"*": 1}}'::jsonb`

/** What is spoiled wherever a function says it: each place is a mutant. */
const everywhere: { kind: string; pattern: RegExp; put: (call: string[]) => string }[] = [
  { kind: 'function with the rules of an administrator', pattern: /tmidb\.rules\(/g, put: () => all },
  { kind: 'function with the rules of an administrator', pattern: /\b(?:c|l)\.rules \|\| '\{\}'/g, put: () => all },
  { kind: 'function without the cut', pattern: /tmidb\.cut\(/g, put: ([payload = '']) => payload },
  { kind: 'function with all fields', pattern: /tmidb\.mask_at\(/g, put: () => `'{"*": 1}'::jsonb` },
  { kind: 'function with all rows', pattern: /tmidb\.shown_at\(/g, put: () => 'true' },
  { kind: 'function of all ages', pattern: /tmidb\.shown_since\(/g, put: () => `(select '-infinity'::timestamptz as since)` },
  { kind: 'function without a rule', pattern: /[\w.]+ \?\| (?:array\[[^\]]*\]|[\w.]+(?![\w.(]))/g, put: () => 'true' },
  { kind: 'function with all traces', pattern: /g\.source_id = any\(v\.sources\)/g, put: () => 'true' },
  { kind: 'function with all traces', pattern: /(?<=\()p\.source_id in \(select/g, put: () => 'true or p.source_id in (select' },
  { kind: 'function of all ages', pattern: / and m\.since = '-infinity'/g, put: () => '' },
  { kind: 'function of all ages', pattern: /a\.at >= m\.since/g, put: () => 'true' },
  { kind: 'function of all ages', pattern: / and \(v\.since is null or [^\n]*\)(?=\n)/g, put: () => '' },
  { kind: 'function of all ages', pattern: /greatest\(v_since, p_from\)/g, put: () => 'p_from' },
]

/** Where the call that begins here ends, and its arguments. */
function callAt(text: string, open: number): { end: number; args: string[] } {
  const args = ['']
  for (let i = open + 1, depth = 1; i < text.length; i++) {
    const c = text[i] as string
    if ('([{'.includes(c)) depth++
    if (')]}'.includes(c) && --depth === 0) return { end: i + 1, args: args.map((a) => a.trim()) }
    if (c === ',' && depth === 1) args.push('')
    else args.push(`${args.pop()}${c}`)
  }
  throw new Error('A bracket is not closed.')
}

interface Spoiling {
  /** Of pg_proc, without arguments. */
  of: string
  kind: string
  pattern: RegExp
  put: string
}

/** Conditions that only one function has. One that is not found any more is to be said anew here: a pattern without a hit is refused. */
const spoilings: Spoiling[] = [
  { of: 'tmidb.geo_visible', kind: 'function without a rule', pattern: /on a\.target_id = s\.target_id/g, put: 'on true' },
  { of: 'tmidb.geo_visible', kind: 'function without a rule', pattern: /on s\.target_id = a\.target_id/g, put: 'on true' },
  {
    of: 'tmidb.category_rights',
    kind: 'description of too much',
    pattern: /on r\.key in \('c\/\*', 'c\/' \|\| c\.category_id\)/g,
    put: "on r.key like 'c/%'",
  },
  { of: 'tmidb.category_rights', kind: 'description of too much', pattern: /not bool_or\(m\.mask \? '\*'\)/g, put: 'false' },
  {
    of: 'tmidb.category_rights',
    kind: 'description of too much',
    pattern: /\(select coalesce\(a\.rules -> '\*\/\*'[^\n]*from asking a\)/g,
    put: 'true',
  },
  {
    of: 'tmidb.visible_categories',
    kind: 'description of too much',
    pattern: /where tmidb\.field_rights\(f->>'name'\) && r\.fields/g,
    put: '',
  },
  {
    of: 'tmidb.schema_changes',
    kind: 'description of too much',
    pattern: /case when r\.of_all_targets then (q\.\w+) end/g,
    put: '$1',
  },
  {
    of: 'tmidb.schema_changes',
    kind: 'description of too much',
    pattern: /tmidb\.visible_diff\(v\.diff, r\.fields\)/g,
    put: 'v.diff',
  },
  {
    of: 'tmidb.rules',
    kind: 'rules of another',
    pattern: /if v_who->>'role' in \('tmidb_admin'/g,
    put: "if v_who->>'role' in ('tmidb_listener', 'tmidb_admin'",
  },
  {
    of: 'tmidb.rules',
    kind: 'rules of another',
    pattern: /if v_who->>'role' in \('tmidb_admin'/g,
    put: "if v_who->>'role' in ('tmidb_member', 'tmidb_admin'",
  },
  {
    of: 'tmidb.rules',
    kind: 'rules of another',
    pattern: /where listener_id = \(v_who->>'listener_id'\)::bigint/g,
    put: 'order by listener_id limit 1',
  },
  {
    of: 'tmidb.rules',
    kind: 'rules of another',
    pattern: /where account_id = \(v_who->>'account_id'\)::bigint/g,
    put: 'order by account_id limit 1',
  },
  { of: 'tmidb.identity', kind: 'a name that anybody may take', pattern: /session_user = 'tmidb_api'/g, put: 'true' },
  {
    of: 'tmidb.cutoffs',
    kind: 'window of another length',
    pattern: /statement_timestamp\(\) - w\.seconds/g,
    put: "now() - interval '10 days' - w.seconds",
  },
  { of: 'tmidb.compile_rules', kind: 'rules that say too much', pattern: / or s\.w >= a\.w/g, put: ' or true' },
  { of: 'tmidb.compile_rules', kind: 'rules that say too much', pattern: / and tmidb\.is_in_group\([^\n]*(?=\n)/g, put: '' },
  { of: 'tmidb.compile_rules', kind: 'rules that say too much', pattern: /on m\.group_id = s\.g/g, put: 'on true' },
  { of: 'tmidb.is_in_group', kind: 'rules that say too much', pattern: /jsonb_path_match\([^\n]*, true\)/g, put: 'true' },
  { of: 'tmidb.age_prefix', kind: 'age that is not looked at', pattern: /width_bucket\(p_ts, p_cutoffs\)/g, put: '1' },
]

/** Rules are kept; where they are made wrongly, they have to be made again to be seen. */
const intoRules = new Set(['tmidb.compile_rules', 'tmidb.is_in_group'])
const remake = '; update tmidb.permission_class set rules = tmidb.compile_rules(grants)'

/**
 * The only say over rights that these have is told by the functions that call them, which are spoiled themselves; explain_access gives reasons
 * and no reading, and has tests of its own.
 */
const told = [
  'tmidb.rules',
  'tmidb.mask_at',
  'tmidb.shown_at',
  'tmidb.shown_since',
  'tmidb.cut',
  'tmidb.view_sql',
  'tmidb.explain_access',
]

export async function mutantsOfFunctions(client: Client): Promise<Mutant[]> {
  const { rows } = await client.query<{ of: string; text: string }>(`
    select format('%I.%I', pronamespace::regnamespace, proname) as of, pg_get_functiondef(oid) as text
    from pg_proc where pronamespace in ('tmidb'::regnamespace, 'api'::regnamespace) and prokind = 'f' order by 1`)
  const mutants: Mutant[] = []
  for (const { of, text } of rows) {
    const body = text.indexOf('\nAS $')
    for (const { kind, pattern, put } of told.includes(of) ? [] : everywhere) {
      for (const m of text.matchAll(pattern)) {
        // A comment is no condition.
        if (m.index < body || text.slice(text.lastIndexOf('\n', m.index), m.index).includes('--')) continue
        const call = m[0].endsWith('(') ? callAt(text, m.index + m[0].length - 1) : { end: m.index + m[0].length, args: [] }
        mutants.push({
          kind,
          of,
          sql: text.slice(0, m.index) + put(call.args) + text.slice(call.end),
          line: `${m[0]} in ${lineAt(text, m.index)}`,
        })
      }
    }
  }
  for (const { of, kind, pattern, put } of spoilings) {
    const made = rows.filter((r) => r.of === of).flatMap(({ text }) => leftOut(of, text, kind, pattern, put))
    if (made.length === 0)
      throw new Error(`${of} has no ${pattern} any more: say in test/policy/mutants.ts what its rule looks like now.`)
    mutants.push(...made.map((m) => (intoRules.has(of) ? { ...m, sql: m.sql + remake } : m)))
  }
  return mutants
}
