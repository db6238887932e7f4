// SPDX-License-Identifier: MIT
// What PostgreSQL and NATS say of themselves: settings that acknowledge before the disk has it, and whether clocks agree.
import type { Config } from '../../base/config.ts'
import type { Doubt } from '../../base/doubt.ts'
import { TmiError } from '../../base/errors.ts'
import { doubtsAboutSettings } from '../../db/boot-check.ts'
import type { Finding } from '../../db/lints.ts'
import { natsOf } from '../../supervisor/connection.ts'
import { doubtsAboutNats } from '../../supervisor/nats-check.ts'
import { withDatabase } from '../administrator.ts'
import { finding } from './machine.ts'

/** Times of readings are compared with both clocks. */
const mostApartMs = 5000

/** Without a config (a database of another place) NATS cannot be found. */
export async function serverFindings(url: string, config: Config | null): Promise<Finding[]> {
  return [...(await doubtsAboutSettings(url)).map(asFinding), ...(config ? await nats(config) : []), ...(await clock(url))]
}

function asFinding({ what, cure }: Doubt): Finding {
  return finding('error', 'durability', what, cure)
}

async function nats(config: Config): Promise<Finding[]> {
  const { url, monitor } = natsOf(config)
  try {
    return (await doubtsAboutNats(url, monitor ?? config.natsHttpPort)).map(asFinding)
  } catch (e) {
    if (!(e instanceof TmiError)) throw e
    return [finding('error', 'durability', e.message, e.hint)]
  }
}

async function clock(url: string): Promise<Finding[]> {
  const [before, [row], after] = [
    Date.now(),
    await withDatabase(url, (ask) => ask<{ ms: string }>('select extract(epoch from clock_timestamp()) * 1000 as ms')),
    Date.now(),
  ]
  const there = Number(row?.ms)
  const apart = there < before ? before - there : Math.max(0, there - after)
  if (apart < mostApartMs) return []
  const what = `the clocks of PostgreSQL and of this machine are ${Math.round(apart / 1000)} s apart`
  return [finding('warn', 'clock', what, 'Let both follow the same time server.')]
}
