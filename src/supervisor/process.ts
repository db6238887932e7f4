// SPDX-License-Identifier: MIT
// Which process is it? Numbers are used again; number and start time together are not.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs'
import { sleep } from '../base/retry.ts'

/** When the process began, in whatever form the system tells; null: there is none. */
export function processStart(pid: number): string | null {
  if (process.platform === 'linux') {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
      // The name in parentheses may hold spaces and parentheses; state is field 3, start time field 22.
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      return fields[0] === 'Z' ? null : (fields[19] ?? null)
    } catch {
      return null
    }
  }
  const out = spawnSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).stdout?.trim()
  return out || null
}

export function commandLine(pid: number): string {
  if (process.platform === 'linux') {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
    } catch {
      return ''
    }
  }
  return spawnSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' }).stdout ?? ''
}

/** Waits until the process is gone; false when it still lives after ms. */
export async function gone(pid: number, ms: number): Promise<boolean> {
  for (const end = Date.now() + ms; Date.now() < end; await sleep(30)) if (processStart(pid) === null) return true
  return processStart(pid) === null
}

export function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (e) {
    if ((e as NodeJS.ErrnoException).code !== 'ESRCH') throw e
  }
}

/** Stops a server that a killed supervisor left behind: the pid of its file, if that process was started with marker. */
export async function stopLeftover(pidFile: string, marker: string, signal: NodeJS.Signals): Promise<boolean> {
  let pid = 0
  try {
    pid = Number(readFileSync(pidFile, 'utf8').split('\n')[0])
  } catch {
    return false
  }
  if (!(pid > 1) || !commandLine(pid).includes(marker)) return false
  kill(pid, signal)
  if (!(await gone(pid, 30_000))) {
    kill(pid, 'SIGKILL')
    await gone(pid, 5000)
  }
  return true
}

/**
 * A killed postmaster whose parent has not collected it (in containers without an init, for ever) still has its number, and
 * PostgreSQL takes its lock file for that of a running server. It is removed once no process works in the folder any more.
 */
export async function dropDeadLock(pidFile: string, folder: string): Promise<void> {
  if (process.platform !== 'linux' || !existsSync(pidFile)) return
  const pid = Number(readFileSync(pidFile, 'utf8').split('\n')[0])
  if (!existsSync(`/proc/${pid}`) || processStart(pid) !== null) return
  for (const end = Date.now() + 10_000; Date.now() < end; await sleep(100)) {
    if (anyoneIn(folder)) continue
    rmSync(pidFile, { force: true })
    return
  }
}

function anyoneIn(folder: string): boolean {
  return readdirSync('/proc').some((name) => {
    if (!/^\d+$/.test(name)) return false
    try {
      return readlinkSync(`/proc/${name}/cwd`) === folder
    } catch {
      return false
    }
  })
}
