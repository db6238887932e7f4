// SPDX-License-Identifier: MIT
// Each minute, and when the consumer starts: connectors whose job was lost get another, old runs go.
import type { Task } from 'graphile-worker'
import type { Connectors } from './connectors.ts'

export function tickConnectorsTask(connectors: Connectors): Task {
  return async () => connectors.tick()
}
