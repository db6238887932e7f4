// SPDX-License-Identifier: MIT
// A connector's turn has come, or somebody asked for it. The job ends as the run begins; see connectors.ts.
import type { Task } from 'graphile-worker'
import type { Connectors, RunJob } from './connectors.ts'

export function runConnectorTask(connectors: Connectors): Task {
  return async (payload) => connectors.start(payload as RunJob)
}
