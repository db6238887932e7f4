// SPDX-License-Identifier: MIT
// One child process and its life: started, found healthy, watched, started again by backoff when it ends, stopped when asked.
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { TmiError } from '../base/errors.ts'
import type { ObservedEvent } from '../base/observe.ts'
import { backoff, sleep } from '../base/retry.ts'

export interface Command {
  file: string
  args: string[]
  cwd?: string
  env: Record<string, string>
  uid?: number
  gid?: number
}

export interface UnitSpec {
  name: string
  command: Command
  /** Rejects while the unit cannot work. A Node unit says "ready" itself (ipc) and answers pings afterwards. */
  healthy?: () => Promise<void>
  ipc?: boolean
  stopSignal: NodeJS.Signals
  stopMs: number
  /** How long it may take to become healthy; a database may have to recover first. */
  startMs: number
  /** How long it may stay without an answer before it is killed and started again. */
  unhealthyMs?: number
  /** True while starting it again would not help (its disk is full); as soon as it would, an unhealthy unit is. */
  hopeless?: () => boolean
  /** How long it has to stay healthy to start over with the shortest wait when it ends. */
  steadyMs?: number
}

export interface UnitLog {
  line(unit: string, text: string): void
  event(unit: string, event: ObservedEvent): void
}

export interface UnitState {
  name: string
  state: 'starting' | 'ready' | 'unhealthy' | 'waiting' | 'stopping' | 'stopped'
  pid: number | null
  restarts: number
  since: string
}

export interface Unit extends AsyncDisposable {
  state(): UnitState
  /** Resolves when it is healthy for the first time; rejects when it ends before. */
  ready: Promise<void>
}

const checkEveryMs = 2000
const unhealthyForMs = 15_000
/**
 * After so long in health a unit starts over with the shortest wait. With 30 s, 40 kills at random over five units, one every 3 to 8 s,
 * drove the waits to 32 s; a unit that dies 5 s after it was ready costs little to start each time, one that dies at once still
 * backs off to a minute.
 */
const steadyAfterMs = 5000

export function startUnit(spec: UnitSpec, log: UnitLog, changed: (state: UnitState) => void): Unit {
  const ready = Promise.withResolvers<void>()
  ready.promise.catch(() => {})
  const stop = new AbortController()
  const state: UnitState = { name: spec.name, state: 'starting', pid: null, restarts: 0, since: now() }
  const become = (next: UnitState['state']) => {
    if (state.state !== next) state.since = now()
    state.state = next
    changed({ ...state })
  }
  let child: ChildProcess | null = null
  let wasReady = false

  async function live(): Promise<void> {
    const wait = backoff({ min: 1000, max: 60_000 })
    while (!stop.signal.aborted) {
      const t0 = Date.now()
      let healthyAt = 0
      child = spawnChild(spec, log)
      state.pid = child.pid ?? null
      become('starting')
      log.event(spec.name, { kind: 'unit.starting', ...(child.pid ? { pid: child.pid } : {}), attempt: state.restarts })
      const ended = exitOf(child)
      const watching = watch(child, ended.done, () => {
        healthyAt = Date.now()
        wasReady = true
        become('ready')
        log.event(spec.name, { kind: 'unit.ready', ms: healthyAt - t0 })
        ready.resolve()
      })
      const exit = await ended.exit
      await watching
      state.pid = null
      if (stop.signal.aborted) break
      if (!wasReady) {
        log.event(spec.name, { kind: 'unit.exited', level: 'error', ...exit })
        ready.reject(
          new TmiError('TM501', `${spec.name} ended before it was ready (${exit.signal ?? `exit code ${exit.code}`}).`),
        )
        break
      }
      if (healthyAt && Date.now() - healthyAt > (spec.steadyMs ?? steadyAfterMs)) wait.reset()
      const ms = wait.next()
      state.restarts++
      become('waiting')
      log.event(spec.name, { kind: 'unit.exited', level: 'warn', ...exit, restartInMs: ms })
      await sleep(ms, stop.signal).catch(() => {})
    }
    become('stopped')
  }

  /** Until the child ends: first often, to see it ready, then every 2 s; too long without an answer ends it. */
  async function watch(of: ChildProcess, ended: AbortSignal, onReady: () => void): Promise<void> {
    let isReady = false
    let lastGood = Date.now()
    let lastError = ''
    const healthy = spec.healthy ?? talk(of)
    while (!ended.aborted) {
      try {
        await healthy()
        lastGood = Date.now()
        if (ended.aborted || stop.signal.aborted) return
        if (!isReady) onReady()
        else if (state.state === 'unhealthy') become('ready')
        isReady = true
      } catch (e) {
        if (ended.aborted) return
        lastError = e instanceof Error ? e.message : String(e)
        // Once the reason is over, it has one more check to get well by itself.
        if (spec.hopeless?.()) lastGood = Date.now() + checkEveryMs - (spec.unhealthyMs ?? unhealthyForMs)
        const forMs = Date.now() - lastGood
        if (isReady && state.state === 'ready') become('unhealthy')
        if (forMs > (isReady ? (spec.unhealthyMs ?? unhealthyForMs) : spec.startMs) && !stop.signal.aborted) {
          log.event(spec.name, { kind: 'unit.unhealthy', level: 'error', forMs, message: lastError })
          of.kill('SIGKILL')
          return
        }
      }
      await sleep(isReady ? checkEveryMs : 50, ended).catch(() => {})
    }
  }

  // However we end, nothing of ours stays behind; only SIGKILL gives us no chance (see leash.ts and stopLeftover).
  // Servers get their own signal and end cleanly without us: PostgreSQL killed outright would have to recover.
  const killChild = () => void child?.kill(spec.ipc ? 'SIGKILL' : spec.stopSignal)
  process.on('exit', killChild)
  const life = live().finally(() => process.off('exit', killChild))
  return {
    state: () => ({ ...state }),
    ready: ready.promise,
    async [Symbol.asyncDispose]() {
      if (!stop.signal.aborted) {
        stop.abort()
        const t0 = Date.now()
        ready.reject(new TmiError('TM501', `${spec.name} was stopped before it was ready.`))
        if (child && state.pid !== null && child.exitCode === null && child.signalCode === null) {
          become('stopping')
          child.kill(spec.stopSignal)
          const killed = setTimeout(() => child?.kill('SIGKILL'), spec.stopMs)
          await life.finally(() => clearTimeout(killed))
          log.event(spec.name, { kind: 'unit.stopped', ms: Date.now() - t0 })
        }
      }
      await life
    },
  }
}

/** Its own process group: the terminal's Ctrl-C reaches only the supervisor, which stops its children in order. */
function spawnChild(spec: UnitSpec, log: UnitLog): ChildProcess {
  const { file, args, ...options } = spec.command
  const child = spawn(file, args, {
    ...options,
    detached: true,
    stdio: spec.ipc ? ['ignore', 'pipe', 'pipe', 'ipc'] : ['ignore', 'pipe', 'pipe'],
  })
  for (const stream of [child.stdout, child.stderr]) {
    if (stream) createInterface({ input: stream }).on('line', (text) => log.line(spec.name, text))
  }
  return child
}

interface Exit {
  code: number | null
  signal: string | null
}

function exitOf(child: ChildProcess): { exit: Promise<Exit>; done: AbortSignal } {
  const over = new AbortController()
  const exit = new Promise<Exit>((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }))
    child.on('error', (e) => {
      // "error" may also mean that a signal could not be sent; only a child that never began ends here.
      if (child.pid === undefined) resolve({ code: 1, signal: (e as NodeJS.ErrnoException).code ?? null })
    })
  }).finally(() => over.abort())
  return { exit, done: over.signal }
}

/** Health over ipc: first the child's "ready", then an answer to one of the last pings. */
function talk(child: ChildProcess): () => Promise<void> {
  let answeredAt = 0
  child.on('message', (m: unknown) => {
    const type = (m as { type?: unknown } | null)?.type
    if (type === 'ready' || type === 'pong') answeredAt = Date.now()
  })
  return async () => {
    if (answeredAt === 0) throw new Error('not ready yet')
    if (child.connected) child.send({ type: 'ping' }, () => {})
    if (Date.now() - answeredAt > 3 * checkEveryMs) throw new Error('no answer')
  }
}

function now(): string {
  return new Date().toISOString()
}
