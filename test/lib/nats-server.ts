// SPDX-License-Identifier: MIT
// A NATS of a test's own, configured as ours is and then changed as the test likes.
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { natsHealthy, prepareNats } from '../../src/supervisor/nats.ts'
import { findNats } from '../../src/supervisor/nats-binary.ts'
import { startUnit } from '../../src/supervisor/unit.ts'
import { freePorts } from './free-port.ts'

export interface NatsServer extends AsyncDisposable {
  url: string
  httpPort: number
  /** What tmictl has to be told to use it. */
  env: Record<string, string>
}

/** under: a program and its arguments that run the server, like strace. */
export async function natsServer(change: (conf: string) => string = (c) => c, under: string[] = []): Promise<NatsServer> {
  const dataDir = mkdtempSync(join(tmpdir(), 'tmidb-nats-'))
  chmodSync(dataDir, 0o755)
  const [port = 0, httpPort = 0] = await freePorts(2)
  const cacheDir = process.env.TMIDB_CACHE
  const binary = await findNats({ dataDir, say: () => {}, ...(cacheDir ? { cacheDir } : {}) })
  const own = prepareNats({ dataDir, binary, port, httpPort, password: 'test', speakerPassword: 'speaker', runUid: 65534 })
  const conf = join(dataDir, 'nats', 'nats.conf')
  writeFileSync(conf, change(readFileSync(conf, 'utf8')))
  const [file = own.file, ...args] = [...under, own.file, ...own.args]
  const unit = startUnit(
    {
      name: 'nats',
      command: { ...own, file, args },
      healthy: () => natsHealthy(httpPort),
      stopSignal: 'SIGTERM',
      stopMs: 5000,
      startMs: 10_000,
    },
    { line() {}, event() {} },
    () => {},
  )
  await unit.ready
  const url = `nats://tmidb:test@127.0.0.1:${port}`
  return {
    url,
    httpPort,
    env: { TMIDB_NATS_URL: url, TMIDB_NATS_HTTP_PORT: String(httpPort) },
    async [Symbol.asyncDispose]() {
      await unit[Symbol.asyncDispose]()
      rmSync(dataDir, { recursive: true, force: true })
    },
  }
}
