// SPDX-License-Identifier: MIT
// A NATS of a test's own, configured as tmiDB starts it.
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { natsHealthy, prepareNats } from '../../src/supervisor/nats.ts'
import { findNats } from '../../src/supervisor/nats-binary.ts'
import { startUnit } from '../../src/supervisor/unit.ts'
import { freePorts } from './free-port.ts'

export async function natsServer(): Promise<{ url: string } & AsyncDisposable> {
  const dataDir = mkdtempSync(join(tmpdir(), 'tmidb-nats-'))
  chmodSync(dataDir, 0o755)
  const [port = 0, httpPort = 0] = await freePorts(2)
  const cacheDir = process.env.TMIDB_CACHE
  const binary = await findNats({ dataDir, say: () => {}, ...(cacheDir ? { cacheDir } : {}) })
  const command = prepareNats({ dataDir, binary, port, httpPort, password: 'test', speakerPassword: 'test', runUid: 65534 })
  const unit = startUnit(
    { name: 'nats', command, healthy: () => natsHealthy(httpPort), stopSignal: 'SIGTERM', stopMs: 5000, startMs: 10_000 },
    { line() {}, event() {} },
    () => {},
  )
  await unit.ready
  return {
    url: `nats://tmidb:test@127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      await unit[Symbol.asyncDispose]()
      rmSync(dataDir, { recursive: true, force: true })
    },
  }
}
