import { spawn, spawnSync } from 'node:child_process'

/** Where a program is, as the shell finds it; null where it is not. */
export function findProgram(name: string): string | null {
  const finder = process.platform === 'win32' ? 'where' : 'which'
  const { status, stdout } = spawnSync(finder, [name], { encoding: 'utf8' })
  const path = status === 0 ? stdout.split('\n')[0]!.trim() : ''
  return path === '' ? null : path
}

interface RunOptions {
  readonly env?: NodeJS.ProcessEnv
  readonly timeoutMs?: number
  /** `quiet` keeps its output for the error; `show` lets it through. */
  readonly output?: 'quiet' | 'show'
}

/** Runs a program to its end. Fails with the last lines of what it said. */
export function run(program: string, args: readonly string[], options: RunOptions = {}): Promise<void> {
  const { env = process.env, timeoutMs, output = 'quiet' } = options
  return new Promise((resolve, reject) => {
    const stdio = output === 'show' ? 'inherit' : 'pipe'
    const child = spawn(program, args, { env, timeout: timeoutMs, stdio: ['ignore', stdio, stdio] })
    let said = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        said = (said + text).slice(-4000)
      })
    }
    child.on('error', reject)
    child.on('close', (code, signal) => {
      if (code === 0) return resolve()
      const how = signal ? `was ended (${signal})` : `ended with ${code}`
      reject(new Error(`${program} ${args.join(' ')} ${how}\n${said.trim()}`))
    })
  })
}
