// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ObservedEvent } from '../../src/base/observe.ts'
import { gone, processStart } from '../../src/supervisor/process.ts'
import { startUnit, type UnitSpec } from '../../src/supervisor/unit.ts'

const leash = join(import.meta.dirname, '..', '..', 'src', 'supervisor', 'leash.ts')

function node(code: string, more: Partial<UnitSpec> = {}): UnitSpec {
  return {
    name: 'unit',
    ipc: true,
    stopSignal: 'SIGTERM',
    stopMs: 500,
    startMs: 10_000,
    command: { file: process.execPath, args: ['--import', leash, '-e', code], env: { PATH: process.env.PATH ?? '' } },
    ...more,
  }
}

function listen() {
  const events: ObservedEvent[] = []
  const lines: string[] = []
  const log = {
    line: (_: string, text: string) => lines.push(text),
    event: (_: string, event: ObservedEvent) => events.push(event),
  }
  const seen = async (kind: ObservedEvent['kind'], count = 1) => {
    while (events.filter((e) => e.kind === kind).length < count) await sleep(20)
  }
  return { events, lines, log, seen }
}

const readyAndStay = `process.send({ type: 'ready' }); setInterval(() => {}, 1000)`

test('a unit that is killed is started again after a second', async () => {
  const { log, events, seen } = listen()
  await using unit = startUnit(node(readyAndStay), log, () => {})
  await unit.ready
  process.kill(unit.state().pid ?? 0, 'SIGKILL')
  await seen('unit.ready', 2)
  const exited = events.find((e) => e.kind === 'unit.exited')
  assert.deepEqual(exited && { ...exited }, {
    kind: 'unit.exited',
    level: 'warn',
    code: null,
    signal: 'SIGKILL',
    restartInMs: 1000,
  })
  assert.equal(unit.state().restarts, 1)
  assert.equal(unit.state().state, 'ready')
})

test('the waits grow while a unit dies young, and are short again once it has lived for a while', async () => {
  const { log, events, seen } = listen()
  await using unit = startUnit(node(readyAndStay, { steadyMs: 700 }), log, () => {})
  await unit.ready
  for (const [restart, livesMs] of [0, 0, 1000].entries()) {
    await seen('unit.ready', restart + 1)
    await sleep(livesMs)
    process.kill(unit.state().pid ?? 0, 'SIGKILL')
    await seen('unit.exited', restart + 1)
  }
  const waits = events.map((e) => (e.kind === 'unit.exited' ? (e.restartInMs ?? 0) : 0)).filter((ms) => ms > 0)
  assert.equal(waits[0], 1000)
  assert.ok((waits[1] ?? 0) > 1500, `${waits}`)
  assert.equal(waits[2], 1000)
})

test('a unit that no longer answers is killed and started again', async () => {
  const { log, seen } = listen()
  const hang = `process.send({ type: 'ready' }, () => { for (;;); })`
  await using unit = startUnit(node(hang, { unhealthyMs: 1000 }), log, () => {})
  await unit.ready
  await seen('unit.unhealthy')
  await seen('unit.starting', 2)
})

test('a unit that ends before it was ready is an error, not a loop', async () => {
  const { log, lines } = listen()
  await using unit = startUnit(node(`console.error('no database'); process.exit(3)`), log, () => {})
  await assert.rejects(unit.ready, /unit ended before it was ready \(exit code 3\)/)
  assert.ok(lines.includes('no database'))
})

test('a program that is not there is an error too', async () => {
  const { log } = listen()
  const command = { file: '/nowhere/program', args: [], env: {} }
  await using unit = startUnit(node('', { command, ipc: false }), log, () => {})
  await assert.rejects(unit.ready, /unit ended before it was ready \(ENOENT\)/)
})

test('a unit that does not stop when asked is killed', async () => {
  const { log } = listen()
  const deaf = `process.on('SIGTERM', () => {}); ${readyAndStay}`
  const unit = startUnit(node(deaf), log, () => {})
  await unit.ready
  const pid = unit.state().pid ?? 0
  await unit[Symbol.asyncDispose]()
  assert.equal(processStart(pid), null)
  assert.equal(unit.state().state, 'stopped')
})

test('a unit ends when its supervisor is killed', async () => {
  const { log, lines } = listen()
  // A supervisor in a process of its own, which prints its unit's number and is then killed.
  const unitFile = JSON.stringify(join(import.meta.dirname, '..', '..', 'src', 'supervisor', 'unit.ts'))
  const inner = JSON.stringify(node(readyAndStay))
  const outer = `import { startUnit } from ${unitFile}
    const unit = startUnit(${inner}, { line() {}, event() {} }, () => {})
    await unit.ready; console.log('unit ' + unit.state().pid); process.send({ type: 'ready' })`
  const spec = node('', {
    command: { file: process.execPath, args: ['--import', leash, '--input-type=module-typescript', '-e', outer], env: {} },
  })
  const supervisor = startUnit(spec, log, () => {})
  await supervisor.ready
  const pid = Number(lines.find((l) => l.startsWith('unit '))?.slice(5))
  assert.notEqual(processStart(pid), null)
  process.kill(supervisor.state().pid ?? 0, 'SIGKILL')
  assert.equal(await gone(pid, 9000), true)
  await supervisor[Symbol.asyncDispose]()
})
