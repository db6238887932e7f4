// SPDX-License-Identifier: MIT
// One batch to POST /api/in/{category}, again and again until the server has taken it or refused it for good. Sending a reading twice
// changes nothing, so whatever is unclear (a connection that broke midway) is sent again.
import { type ErrorCode, isErrorCode, TmiError } from '../../base/errors.ts'
import { backoff, sleep } from '../../base/retry.ts'

export interface Verdict {
  accepted: number
  quarantined: number
  /** By the line's index in the batch. */
  rejected: { index: number; code: ErrorCode; message: string }[]
}

export interface Sender {
  send(lines: string[], wait?: boolean): Promise<Verdict>
}

const requestMs = 60_000
/** After so long without any answer the import gives up; the same command goes on later. */
const patienceMs = 15 * 60_000

interface Answer {
  accepted?: number
  rejected?: Verdict['rejected']
  quarantined?: unknown[]
  code?: string
  detail?: string
  hint?: string
  details?: { accepted: number; rejected: Verdict['rejected'] }
}

export function openSender(options: {
  url: string
  category: string
  token: string
  signal: AbortSignal
  say: (line: string) => void
}): Sender {
  const { signal, say } = options
  const address = `${options.url.replace(/\/$/, '')}/api/in/${options.category}`
  let troubleSince = 0
  let saidAt = 0
  let everAnswered = false

  const trouble = async (what: string, ms: number): Promise<void> => {
    const now = Date.now()
    if (troubleSince === 0) troubleSince = now
    if (now - saidAt > 5000) {
      saidAt = now
      say(`${what}; trying again${now - troubleSince > 10_000 ? `, for ${Math.round((now - troubleSince) / 1000)} s now` : ''}.`)
    }
    if (now - troubleSince > (everAnswered ? patienceMs : 10_000))
      throw new TmiError('TM401', `${options.url} does not answer.`, {
        hint: 'Is tmiDB running there? The same command goes on where it stopped.',
      })
    await sleep(ms, signal)
  }

  const send = async (lines: string[], wait = false): Promise<Verdict> => {
    const pause = backoff({ min: 200, max: 5000 })
    let failures = 0
    for (;;) {
      let response: Response
      let answer: Answer
      try {
        response = await fetch(wait ? `${address}?wait=stored` : address, {
          method: 'POST',
          headers: { authorization: `Bearer ${options.token}`, 'content-type': 'application/x-ndjson' },
          body: lines.join('\n'),
          signal: AbortSignal.any([signal, AbortSignal.timeout(requestMs)]),
        })
        answer = (await response.json()) as Answer
      } catch (e) {
        if (signal.aborted) throw signal.reason
        await trouble(`${options.url} cannot be reached (${reasonOf(e)})`, pause.next())
        continue
      }
      everAnswered = true
      if (response.status === 429 || response.status === 503) {
        const said = Number(response.headers.get('retry-after'))
        await trouble(`${options.url} says ${answer.detail ?? response.status}`, said > 0 ? said * 1000 : pause.next())
        continue
      }
      if (troubleSince > 0) say('It goes on.')
      troubleSince = 0
      if (response.status === 202 || response.status === 200)
        return { accepted: answer.accepted ?? 0, quarantined: answer.quarantined?.length ?? 0, rejected: answer.rejected ?? [] }
      if (answer.details?.rejected) return { accepted: 0, quarantined: 0, rejected: answer.details.rejected }
      const code: ErrorCode = isErrorCode(answer.code ?? '') ? (answer.code as ErrorCode) : 'TM500'
      const message = answer.detail ?? `The server answered ${response.status}.`
      if (response.status >= 500) {
        if (++failures < 5) {
          await trouble(message, pause.next())
          continue
        }
      } else if ((code === 'TM103' || code === 'TM212') && lines.length > 1) {
        // These refuse the whole for the sake of one line: halves find it.
        const half = lines.length >> 1
        const [a, b] = [await send(lines.slice(0, half)), await send(lines.slice(half))]
        return {
          accepted: a.accepted + b.accepted,
          quarantined: a.quarantined + b.quarantined,
          rejected: [...a.rejected, ...b.rejected.map((r) => ({ ...r, index: r.index + half }))],
        }
      } else if (lines.length === 1 && response.status !== 401 && response.status !== 404 && code !== 'TM104') {
        return { accepted: 0, quarantined: 0, rejected: [{ index: 0, code, message }] }
      }
      throw new TmiError(code, message, answer.hint ? { hint: answer.hint } : {})
    }
  }
  return { send }
}

function reasonOf(e: unknown): string {
  const cause = (e as { cause?: { code?: string; message?: string } }).cause
  return cause?.code ?? cause?.message ?? (e as Error).message
}
