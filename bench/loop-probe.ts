// SPDX-License-Identifier: MIT
// Loaded into the units of a bench's instance (NODE_OPTIONS=--import): on SIGUSR2 the api unit writes how long its loop was stalled at
// most since the last time, by the clock and in CPU time (which a busy machine does not change), and how much it keeps alive, to the file
// TMIDB_BENCH_PROBE.
import { writeFileSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

const file = process.env.TMIDB_BENCH_PROBE
if (process.env.TMIDB_UNIT === 'api' && file) {
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as () => void
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  // Timers run once a turn of the loop, so this is the CPU time of the dearest turn.
  const cpuMs = () => {
    const { user, system } = process.threadCpuUsage()
    return (user + system) / 1000
  }
  let last = cpuMs()
  let dearest = 0
  setInterval(() => {
    const now = cpuMs()
    dearest = Math.max(dearest, now - last)
    last = now
  }, 1).unref()
  process.on('SIGUSR2', () => {
    const stallMs = delay.max / 1e6
    const stallCpuMs = dearest
    gc()
    gc()
    const { heapUsed, rss } = process.memoryUsage()
    const cpu = process.cpuUsage()
    writeFileSync(
      file,
      JSON.stringify({
        stallMs,
        stallCpuMs,
        heapMb: heapUsed / 2 ** 20,
        rssMb: rss / 2 ** 20,
        cpuMs: (cpu.user + cpu.system) / 1000,
      }),
    )
    setTimeout(() => {
      delay.reset()
      dearest = 0
    }, 20)
  })
}
