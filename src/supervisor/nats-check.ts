// SPDX-License-Identifier: MIT
// A NATS of one's own: is it there, has it JetStream, does it fsync before it acknowledges? The first two stand in the line it
// greets with, the third only in its monitoring page.
import { createConnection } from 'node:net'
import { TmiError } from '../base/errors.ts'

interface Info {
  version?: string
  jetstream?: boolean
}

/** What is wrong with this server, a sentence each. */
export async function doubtsAboutNats(url: string, httpPort: number): Promise<string[]> {
  const { hostname, port } = new URL(url)
  const info = await greeting(hostname, Number(port || 4222))
  if (!info.jetstream)
    throw new TmiError('TM501', `The NATS server of TMIDB_NATS_URL has no JetStream.`, {
      hint: 'Start it with a jetstream block.',
    })
  const monitor = `http://${hostname}:${httpPort}/jsz?config=1`
  try {
    const answer = await fetch(monitor, { signal: AbortSignal.timeout(3000) })
    const { config } = (await answer.json()) as { config?: { sync_always?: boolean } }
    return config?.sync_always
      ? []
      : ['the NATS server acknowledges before it has fsynced (jetstream sync_interval is not "always")']
  } catch {
    return [`${monitor} does not answer (TMIDB_NATS_HTTP_PORT), so it cannot be seen whether NATS fsyncs before it acknowledges`]
  }
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
