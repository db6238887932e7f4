// SPDX-License-Identifier: MIT
// Our own NATS: its configuration, written anew on each start, and where it keeps its streams. Every write is fsynced before
// it is acknowledged (sync_interval: always): that is what an accepted reading rests on.
import * as fs from 'node:fs'
import { join } from 'node:path'
import { writeSecret } from './data-folder.ts'
import { closedTo, runAs } from './place.ts'
import type { Command } from './unit.ts'

export interface NatsOptions {
  dataDir: string
  binary: string
  port: number
  httpPort: number
  password: string
  /** What outside clients publish with (tmi.pub.>). */
  speakerPassword: string
  runUid: number
  /** What the streams may hold together. */
  streamMaxBytes?: number
}

export function natsFolder(dataDir: string): string {
  return join(dataDir, 'nats')
}

export function prepareNats(options: NatsOptions): Command {
  const dir = natsFolder(options.dataDir)
  fs.mkdirSync(dir, { recursive: true, mode: 0o700 })
  const wanted = runAs(options.runUid)
  const binary = reachable(options, wanted)
  // NATS does run as root; without a way for the other user to its folder or program it has to.
  const who = binary && !closedTo(options.dataDir, wanted) ? wanted : {}
  if (who.uid !== undefined) chownAll(dir, who.uid, who.gid ?? who.uid)
  const conf = join(dir, 'nats.conf')
  writeSecret(conf, configuration(options, dir))
  if (who.uid !== undefined) fs.chownSync(conf, who.uid, who.gid ?? who.uid)
  return {
    file: binary ?? options.binary,
    args: ['-c', conf],
    cwd: dir,
    env: { PATH: process.env.PATH ?? '', GOMEMLIMIT: '160MiB' },
    ...who,
  }
}

/** The program as the given user can start it: a cache in root's home is closed, so a copy goes beside the data. */
function reachable(options: NatsOptions, who: { uid?: number }): string | null {
  if (!closedTo(options.binary, who)) return options.binary
  if (closedTo(options.dataDir, who)) return null
  const folder = join(options.dataDir, 'bin')
  fs.mkdirSync(folder, { recursive: true })
  fs.chmodSync(folder, 0o755)
  const copy = join(folder, 'nats-server')
  const current = fs.existsSync(copy) && fs.statSync(copy).mtimeMs >= fs.statSync(options.binary).mtimeMs
  if (!current) {
    fs.copyFileSync(options.binary, `${copy}.new`)
    fs.chmodSync(`${copy}.new`, 0o755)
    fs.renameSync(`${copy}.new`, copy)
  }
  return copy
}

function configuration(o: NatsOptions, dir: string): string {
  return `# Written by tmiDB on every start; changes here are lost.
server_name: tmidb
listen: "127.0.0.1:${o.port}"
http: "127.0.0.1:${o.httpPort}"
pid_file: ${JSON.stringify(join(dir, 'nats.pid'))}
authorization {
  timeout: 10
  users: [
    { user: tmidb, password: "${o.password}" }
    # Outside clients: nothing but to publish readings and to hear the answers.
    { user: speaker, password: "${o.speakerPassword}"
      permissions: { publish: { allow: ["tmi.pub.>"] }, subscribe: { allow: ["_INBOX.>"] } } }
  ]
}
max_payload: 8MB
max_pending: 256MB
write_deadline: "10s"
ping_interval: "30s"
lame_duck_grace_period: "1s"
lame_duck_duration: "30s"
jetstream { store_dir: ${JSON.stringify(dir)}, max_memory_store: 64MB, max_file_store: ${Math.max(20 * 2 ** 30, 2 * (o.streamMaxBytes ?? 0))}, sync_interval: always }
`
}

/** After a start as another user (root or not) the files change hands too. */
function chownAll(path: string, uid: number, gid: number): void {
  if (fs.lstatSync(path).uid !== uid) fs.lchownSync(path, uid, gid)
  if (!fs.lstatSync(path).isDirectory()) return
  for (const name of fs.readdirSync(path)) chownAll(join(path, name), uid, gid)
}

/**
 * Healthy means: JetStream is on, has recovered its streams and can write to them. After a full disk it says no until it is started
 * again, whether a write to a stream failed or it has switched itself off.
 */
export async function natsHealthy(httpPort: number): Promise<void> {
  for (const question of ['healthz?js-enabled-only=true', 'healthz']) {
    const answer = await fetch(`http://127.0.0.1:${httpPort}/${question}`, { signal: AbortSignal.timeout(3000) })
    const body = await answer.text()
    if (!answer.ok) throw new Error(`nats says ${answer.status}: ${body}`)
  }
}

/** Too full for JetStream even to recover; it writes some of its files anew when it starts. */
export function natsDiskFull(dataDir: string): boolean {
  try {
    const { bavail, bsize } = fs.statfsSync(natsFolder(dataDir))
    return bavail * bsize < 4 * 2 ** 20
  } catch {
    return false
  }
}
