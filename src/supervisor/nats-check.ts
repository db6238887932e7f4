// SPDX-License-Identifier: MIT
// A NATS of one's own: is it there and new enough, has it JetStream, does it fsync before it acknowledges? Most of it stands in
// the line it greets with, the last only in its monitoring page. What its streams are like, src/nats-bridge/streams.ts sees.
import { createConnection } from 'node:net'
import type { Doubt } from '../base/doubt.ts'
import { TmiError } from '../base/errors.ts'

interface Info {
  version?: string
  jetstream?: boolean
  server_id?: string
}

/** Older ones lost streams in crashes (2.10.20 to 2.10.22 whole streams; Debian 12 has 2.9). */
const oldest = [2, 11] as const

/** What is wrong with this server. */
export async function doubtsAboutNats(url: string, httpPort: number): Promise<Doubt[]> {
  const { hostname, port } = new URL(url)
  const info = await greeting(hostname, Number(port || 4222))
  const [major = 0, minor = 0] = (info.version ?? '').split('.').map(Number)
  if (major < oldest[0] || (major === oldest[0] && minor < oldest[1])) {
    throw new TmiError('TM501', `The NATS server of TMIDB_NATS_URL is ${info.version}: ${oldest.join('.')} or newer is needed.`, {
      hint: 'Older ones lost streams in crashes. Without TMIDB_NATS_URL tmiDB starts its own.',
    })
  }
  if (!info.jetstream)
    throw new TmiError('TM501', `The NATS server of TMIDB_NATS_URL has no JetStream.`, {
      hint: 'Start it with a jetstream block.',
    })
  const monitor = `http://${hostname}:${httpPort}/jsz?config=1`
  const cure = 'Set TMIDB_NATS_HTTP_PORT to the port of its monitoring page ("http" in its configuration).'
  let page: { server_id?: string; config?: { sync_always?: boolean } }
  try {
    const answer = await fetch(monitor, { signal: AbortSignal.timeout(3000) })
    page = (await answer.json()) as typeof page
  } catch {
    return [{ what: `${monitor} does not answer, so it cannot be seen whether NATS fsyncs before it acknowledges`, cure }]
  }
  if (page.server_id !== info.server_id) return [{ what: `${monitor} is the page of another NATS server`, cure }]
  if (page.config?.sync_always) return []
  return [
    {
      what: 'the NATS server acknowledges before it has fsynced (jetstream sync_interval is not "always")',
      cure: 'Write "sync_interval: always" into the jetstream block of its configuration and start it again.',
    },
  ]
}

export async function greeting(host: string, port: number): Promise<Info> {
  return await new Promise<Info>((resolve, reject) => {
    const socket = createConnection({ host, port, timeout: 3000 })
    const fail = (cause?: unknown) => {
      socket.destroy()
      reject(new TmiError('TM501', `No NATS server answers at ${host}:${port}.`, { cause, hint: 'Check TMIDB_NATS_URL.' }))
    }
    let text = ''
    socket.on('error', fail)
    socket.on('timeout', fail)
    socket.on('close', fail)
    socket.on('data', (bytes: Buffer) => {
      text += bytes.toString('utf8')
      const line = /^INFO (\{.*\}) *\r?\n/.exec(text)
      if (!line) return
      socket.destroy()
      resolve(JSON.parse(line[1] ?? '{}') as Info)
    })
  })
}
