// SPDX-License-Identifier: MIT
// Loaded into every Node unit (--import): answers the supervisor's pings, and ends the unit when the supervisor is gone,
// even if it was killed and could not say so.
process.on('message', (m: unknown) => {
  if ((m as { type?: unknown } | null)?.type === 'ping') process.send?.({ type: 'pong' }, undefined, {}, () => {})
})
process.on('disconnect', () => {
  process.kill(process.pid, 'SIGTERM')
  setTimeout(() => process.exit(1), 8000).unref()
})
// Its log is read by the supervisor; without a reader a write fails, and that must not hide the real end.
process.stdout.on('error', () => {})
process.stderr.on('error', () => {})
