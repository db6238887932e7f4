// SPDX-License-Identifier: MIT
// Lines above, one line of progress below. Without a terminal the progress is a plain line now and then.

export interface Screen {
  line(text: string): void
  progress(done: number): void
  end(): void
}

const plainEveryMs = 5000
const drawnEveryMs = 200

export function openScreen(total: number, out: NodeJS.WriteStream = process.stdout): Screen {
  const started = performance.now()
  let shown = ''
  let drawnAt = Number.NEGATIVE_INFINITY
  const clear = () => {
    if (shown) out.write('\r\x1b[K')
  }
  return {
    line(text) {
      clear()
      out.write(`${text}\n`)
      if (shown) out.write(shown)
    },
    progress(done) {
      const now = performance.now()
      if (now - drawnAt < (out.isTTY ? drawnEveryMs : plainEveryMs) && done < total) return
      drawnAt = now
      const text = progressText(done, total, (now - started) / 1000)
      if (!out.isTTY) out.write(`${text}\n`)
      else {
        clear()
        shown = text.slice(0, Math.max(20, (out.columns || 80) - 1))
        out.write(shown)
      }
    },
    end() {
      clear()
      shown = ''
    },
  }
}

export function progressText(done: number, total: number, seconds: number): string {
  const rate = seconds > 0 ? done / seconds : 0
  const left = rate > 0 ? Math.ceil((total - done) / rate) : null
  const eta = left === null ? '' : `, ${Math.floor(left / 60)}:${String(left % 60).padStart(2, '0')} left`
  return `demo: ${Math.floor((done * 100) / total)} % (${done} of ${total}), ${Math.round(rate)}/s${eta}`
}
