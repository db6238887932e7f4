// SPDX-License-Identifier: MIT
// npm start -- --demo: real data through the front door, at a pace one can watch, and what a listener receives of it.
import { loadConfig } from './base/config.ts'
import { sleep } from './base/retry.ts'
import { demoLedger, endDemo, type Ledger, prepareDemo } from './db/demo.ts'
import { type LiveMessage, listen } from './demo/listener.ts'
import { earthquakes, weather } from './demo/readings.ts'
import { openScreen, type Screen } from './demo/screen.ts'
import { sendByHttp, sendByMqtt } from './demo/senders.ts'
import { type Connection, connectionFile, read } from './supervisor/connection.ts'

/** Readings a second of each; both take about half a minute. */
const mqttRate = 60
const httpRate = 50
/** Of what comes in live, one reading of each category is shown in this time. */
const shownEveryMs = 1000

const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort(new Error(signal)))
// Whoever started it is gone, whatever happened to it.
process.once('disconnect', () => stop.abort(new Error('disconnect')))
process.stdout.on('error', () => stop.abort(new Error('nobody reads')))

const file = connectionFile(loadConfig().dataDir)
const connection = read(file)
if (!connection) {
  process.stderr.write(`There is no ${file}: start with "npm start -- --demo".\n`)
  process.exit(1)
}
try {
  await demo(connection, stop.signal)
} catch (e) {
  // Whoever ends the instance ends the demo: that is no failure.
  if (!stop.signal.aborted) {
    process.stderr.write(`The demo ended: ${e instanceof Error ? e.message : e}\n`)
    process.exitCode = 1
  }
}
process.exit()

async function demo(to: Connection, signal: AbortSignal): Promise<void> {
  const quakes = earthquakes()
  const days = weather()
  const screen = openScreen(quakes.length + days.length)
  const tokens = await prepareDemo(to.postgres)
  const listening = new AbortController()
  try {
    const before = await demoLedger(to.postgres)
    const received = receiver(screen)
    await listen(to.ws, tokens.listener, AbortSignal.any([signal, listening.signal]), received.on)
    screen.line(`\ndemo: sending ${quakes.length} earthquakes by MQTT and ${days.length} days of weather in Seattle by HTTP;`)
    screen.line(
      'demo: below is what the listener "demo" receives, a line a second of each (of the weather it may see two fields)',
    )
    const t0 = performance.now()
    let sent = 0
    const onSent = (count: number) => {
      sent += count
      screen.progress(sent)
    }
    await Promise.all([
      sendByMqtt(to.mqtt, tokens.speaker, 'earthquake', quakes, { rate: mqttRate, signal, onSent }),
      sendByHttp(to.http, tokens.speaker, 'weather', days, { rate: httpRate, signal, onSent }),
    ])
    const seconds = (performance.now() - t0) / 1000
    const after = await settled(to.postgres, before, sent, signal)
    const [stored, doubled] = [after.stored - before.stored, after.duplicate - before.duplicate]
    for (let n = 0; n < 50 && received.count() < stored; n++) await sleep(100, signal)
    screen.end()
    screen.line(
      `demo: ${sent} readings sent and acknowledged in ${seconds.toFixed(0)} s; ${stored} stored, ${doubled} were there before`,
    )
    screen.line(`demo: the listener received ${received.count()} live`)
    screen.line('demo: look at them:')
    screen.line(
      `  curl '${to.http}/api/v1/earthquake?select=ts,target,magnitude,place&order=magnitude.desc.nullslast&limit=5' ` +
        `-H 'Authorization: Bearer ${to.listener.token}'`,
    )
    screen.line(`  curl '${to.http}/api/v1/weather?weather=eq.snow&order=ts' -H 'Authorization: Bearer ${to.listener.token}'`)
  } finally {
    screen.end()
    listening.abort(new Error('done'))
    // Tokens that cannot be taken back now end by themselves within a day.
    await endDemo(to.postgres, tokens).catch(() => {})
  }
}

function receiver(screen: Screen): { on: (event: LiveMessage) => void; count: () => number } {
  let count = 0
  const shownAt = new Map<string, number>()
  return {
    count: () => count,
    on(event) {
      count++
      const now = performance.now()
      const { category = '', target, ts, data } = event
      if (now - (shownAt.get(category) ?? Number.NEGATIVE_INFINITY) < shownEveryMs) return
      shownAt.set(category, now)
      screen.line(`  ${ts?.slice(0, 19)}Z  ${category}  ${target}  ${JSON.stringify(data)}`)
    },
  }
}

/** History waits until the room for its years is made: some seconds. */
async function settled(url: string, before: Ledger, sent: number, signal: AbortSignal): Promise<Ledger> {
  for (let n = 0; ; n++) {
    const now = await demoLedger(url)
    if ((now.received - before.received >= sent && now.quarantined <= before.quarantined) || n === 60) return now
    await sleep(500, signal)
  }
}
