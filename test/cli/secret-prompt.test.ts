// SPDX-License-Identifier: MIT
// A password that is asked for at a terminal: Python's pty is one, and types.
import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { test } from 'node:test'

const asks = `import { askNewPassword } from './src/cli/secret-prompt.ts'
console.log('got ' + JSON.stringify(await askNewPassword('kim').catch((e) => e.code)))`

const noPty = spawnSync('python3', ['-c', 'import pty']).status !== 0 && 'no python3 with a pty here'

/** Types each line once the question before it is there. */
const typist = `import os, pty, sys
pid, fd = pty.fork()
if pid == 0: os.execv(sys.argv[1], [sys.argv[1], '--input-type=module', '-e', sys.argv[2]])
said = b''
def until(end):
    global said
    while end not in said:
        said += os.read(fd, 1000)
until(b'): ')
os.write(fd, sys.argv[3].encode())
until(b'Again: ')
if sys.argv[4]: os.write(fd, sys.argv[4].encode())
until(b'got ')
try:
    while True: said += os.read(fd, 1000)
except OSError: pass
os.waitpid(pid, 0)
sys.stdout.write(said.decode())`

async function typed(first: string, second: string): Promise<string> {
  return await new Promise((resolve, reject) => {
    execFile('python3', ['-c', typist, process.execPath, asks, first, second], { timeout: 20_000 }, (e, out) =>
      e ? reject(new Error(`${e.message} ${out}`)) : resolve(out.split('got ')[1]?.trim() ?? out),
    )
  })
}

test('a new password is asked for twice; Ctrl-C ends it, and what is pasted at once answers both', { skip: noPty }, async () => {
  const answers = await Promise.all([
    typed('corréct horse\r', 'corréct horse\r'),
    typed('one\r', 'two\r'),
    typed('one\r', '\u0003'),
    typed('pasted\rpasted\r', ''),
  ])
  assert.deepEqual(answers, ['"corréct horse"', '"TM112"', 'null', '"pasted"'])
})
