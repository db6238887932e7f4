// SPDX-License-Identifier: MIT
const mostPrepared = 1000

/** Statements are prepared from their second use on, and only so many: each connection keeps every one of them for its life. */
export function preparing(): (name: string) => boolean {
  const once = new Set<string>()
  const prepared = new Set<string>()
  return (name) => {
    if (prepared.has(name)) return true
    if (once.delete(name)) {
      if (prepared.size >= mostPrepared) return false
      prepared.add(name)
      return true
    }
    if (once.size >= mostPrepared) once.clear()
    once.add(name)
    return false
  }
}
