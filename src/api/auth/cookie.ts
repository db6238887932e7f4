// SPDX-License-Identifier: MIT
// The cookie of a browser's session. Its prefix makes the browser keep it to this host, to https and from scripts; Chromium and Firefox
// take http://localhost for https. Over plain http elsewhere browsers throw it away: use a token there.
import type { Response } from 'express'

const attributes = 'Path=/; HttpOnly; Secure; SameSite=Lax'

export function setSession(res: Response, secret: string, endsAt: Date): void {
  const seconds = Math.max(0, Math.round((endsAt.getTime() - Date.now()) / 1000))
  res.append('Set-Cookie', `__Host-tmidb=${secret}; Max-Age=${seconds}; ${attributes}`)
}

export function clearSession(res: Response): void {
  res.append('Set-Cookie', `__Host-tmidb=; Max-Age=0; ${attributes}`)
}
