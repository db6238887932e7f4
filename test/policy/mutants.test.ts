// SPDX-License-Identifier: MIT
// Whether the proofs would notice: each policy, option, grant and condition is spoiled in turn, and the matrix, the rows or the rules of
// db/lint must say so. What nobody notices is a right that nobody guards.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { findings, type Lint, qualifiedNames, readLints } from '../../src/db/lints.ts'
import { type Client, withClient } from '../../src/db/superuser.ts'
import { seedOf } from '../lib/random.ts'
import { catalogOf, counted, identities, tried } from './cells.ts'
import { type Mutant, mutantsOfFunctions, mutantsOfRights, mutantsOfViews } from './mutants.ts'
import { fillTables, surprisingRows } from './rows.ts'
import { proofWorld, type World } from './world.ts'

let world: World
before(async () => {
  world = await proofWorld()
})
after(() => world[Symbol.asyncDispose]())

const lints = readLints().filter((l) => l.level === 'error')
/** What only a rule sees, because behind it there is another wall; asked first where it is likely. */
const wallRules = lints.filter((l) =>
  ['policy_roles', 'row_security', 'role_members', 'role_powers', 'partition_rights'].includes(l.name),
)

async function inTransaction<T>(run: (client: Client) => Promise<T>): Promise<T> {
  return await withClient(world.db.superUrl, async (client) => {
    // A mutant's plans must not outlive it.
    await client.query(`set plan_cache_mode = force_custom_plan; begin; ${qualifiedNames}`)
    try {
      return await run(client)
    } finally {
      await client.query('rollback')
    }
  })
}

/** How many of each kind, and the survivors. */
async function hunt(
  mutants: Mutant[],
  noticed: (mutant: Mutant) => Promise<boolean>,
): Promise<{ said: string; survivors: string[] }> {
  const killed = new Map<string, number>()
  const survivors: string[] = []
  for (const mutant of mutants) {
    if (await noticed(mutant)) killed.set(mutant.kind, (killed.get(mutant.kind) ?? 0) + 1)
    else survivors.push(`${mutant.kind}: ${mutant.of}: ${mutant.line ?? mutant.sql}`)
  }
  return { said: [...killed].map(([kind, n]) => `${n} ${kind}`).join(', '), survivors }
}

async function spoiled<T>(client: Client, { kind, of, sql }: Mutant, look: () => Promise<T>): Promise<T> {
  await client.query(`savepoint mutant; ${sql}`).catch((e: Error) => assert.fail(`${e.message}: ${kind} of ${of}: ${sql}`))
  const seen = await look()
  await client.query('rollback to mutant; release mutant')
  return seen
}

/** Which of these rules are broken. */
async function broken(client: Client, rules: Lint[], most = Number.POSITIVE_INFINITY): Promise<Lint[]> {
  const all: Lint[] = []
  for (const l of rules) if (all.length < most && (await findings(client, l)).length > 0) all.push(l)
  return all
}

/** What everybody may, these may. */
const nobodies = ['anonymous', 'edge process', 'drain process']

/** Whom policies are for: nobody else comes as far as to a policy. */
const touchers = ['owner', 'admin by psql', 'views']

/** Whom a mutant lets do more, or less: only that one has to be asked. */
const grantee = (mutant: Mutant): string | undefined =>
  mutant.kind === 'role inside another'
    ? mutant.of
    : mutant.kind.startsWith('right')
      ? /\b(?:to|from) (\w+)$/.exec(mutant.sql)?.[1]
      : undefined

/** There are some 6,800 rights that nobody has: each run gives away a sixth of them, PROOF_MUTANTS=all every one. */
const whole = process.env.PROOF_MUTANTS === 'all'
const part = 6
const seed = seedOf()

test('nobody can be given or lose a right, and no policy, owner or option be changed, unnoticed', async (t) => {
  await inTransaction(async (client) => {
    const all = await mutantsOfRights(client)
    const mutants = all.filter((m, i) => whole || !m.kind.startsWith('right to') || (i + seed) % part === 0)
    await fillTables(client)
    const things = await catalogOf(client)
    const totals = await counted(client, things)
    const byName = Map.groupBy(things, (thing) => thing.name)
    const whos = identities(world)
    // A rule that speaks anyway would notice everything.
    const loud = await broken(client, lints)
    const silent = lints.filter((l) => !loud.includes(l))
    assert.deepEqual(
      wallRules.filter((l) => loud.includes(l)),
      [],
    )
    const { said, survivors } = await hunt(mutants, async (mutant) => {
      const role = grantee(mutant)
      const some =
        role !== undefined
          ? whos.filter((w) => (role === 'public' ? nobodies.includes(w.name) : w.role === role)).slice(0, 3)
          : /^(policy|row)/.test(mutant.kind)
            ? whos.filter((w) => touchers.includes(w.name))
            : whos
      if (
        /^(policy|row|role)|schema/.test(mutant.kind) &&
        (await spoiled(client, mutant, async () => (await broken(client, wallRules, 1)).length > 0))
      )
        return true
      if (mutant.kind !== 'role above row security') {
        const outcomes = await tried(client, byName.get(mutant.of) ?? things, some, totals, mutant.sql)
        if (outcomes.some((o) => o.surprise !== null)) return true
      }
      return await spoiled(
        client,
        mutant,
        async () =>
          (await broken(client, silent, 1)).length > 0 || (await surprisingRows(client, world, [mutant.of], 1)).length > 0,
      )
    })
    t.diagnostic(`${mutants.length} of ${all.length} (TMIDB_SEED=${seed}), killed: ${said}`)
    assert.deepEqual(survivors, [])
  })
})

test('no view can lose its mask, its category or a rule unnoticed, nor any function that carries rights', async (t) => {
  await inTransaction(async (client) => {
    assert.deepEqual(await surprisingRows(client, world, null), [])
    const mutants = [...(await mutantsOfViews(client)), ...(await mutantsOfFunctions(client))]
    const { said, survivors } = await hunt(mutants, async (mutant) =>
      spoiled(client, mutant, async () => (await surprisingRows(client, world, [mutant.of], 1)).length > 0),
    )
    t.diagnostic(`killed: ${said}`)
    assert.deepEqual(survivors, [])
  })
})
