// SPDX-License-Identifier: MIT
import { createServer } from 'node:net'
import { TmiError } from '../base/errors.ts'

export interface Port {
  port: number
  host: string
  what: string
  variable: string
}

/** Throws one sentence for the first port that cannot be had, naming the variable that moves it. */
export async function portsFree(ports: Port[]): Promise<void> {
  const seen = new Map<number, Port>()
  for (const p of ports) {
    const other = seen.get(p.port)
    if (other) throw new TmiError('TM501', `Port ${p.port} is asked for twice: by ${other.variable} and ${p.variable}.`)
    seen.set(p.port, p)
    const code = await tryPort(p)
    if (code === null) continue
    const why =
      code === 'EACCES' ? 'may not be opened by this user' : code === 'EADDRINUSE' ? 'is taken' : `cannot be opened (${code})`
    throw new TmiError('TM501', `Port ${p.port} (${p.what}) ${why}.`, {
      hint: `Stop the program that uses it, or set ${p.variable} to another port.`,
    })
  }
}

async function tryPort(p: Port): Promise<string | null> {
  const server = createServer()
  try {
    return await new Promise<string | null>((resolve) => {
      server.once('error', (e: NodeJS.ErrnoException) => resolve(e.code ?? e.message))
      server.listen({ port: p.port, host: p.host, exclusive: true }, () => resolve(null))
    })
  } finally {
    await new Promise((resolve) => server.close(resolve))
  }
}
