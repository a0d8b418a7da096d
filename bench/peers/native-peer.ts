import { type ChildProcess, fork } from 'node:child_process'
import { join } from 'node:path'
import type { Question } from './llama-cpp.ts'
import type { Answer } from './page/runtime.ts'
import type { PeerMemory, RunningPeer } from './peer.ts'

interface NativeOptions {
  readonly file: string
  readonly contextTokens: number
  /** On the machine's processor. llama.cpp's threads spin, so more than are free make it slower. */
  readonly threads: number
}

type Reply = { readonly value: unknown } | { readonly error: string }

/** llama.cpp in a process of its own. */
export class NativePeer implements RunningPeer {
  #process: ChildProcess | null = null
  #emptyBytes = 0

  constructor(readonly options: NativeOptions) {}

  async start(prompt: readonly number[]): Promise<number> {
    await this.close()
    const started = performance.now()
    this.#process = fork(join(import.meta.dirname, 'llama-cpp.ts'), { execArgv: ['--import', 'tsx'] })
    this.#emptyBytes = await this.#ask<number>({ do: 'memory' })
    await this.#ask({ do: 'load', ...this.options })
    await this.generate(prompt, 1)
    return performance.now() - started
  }

  generate(prompt: readonly number[], tokens: number): Promise<Answer> {
    return this.#ask<Answer>({ do: 'generate', prompt, tokens })
  }

  async memory(): Promise<PeerMemory> {
    const bytes = await this.#ask<number>({ do: 'memory' })
    return {
      heapBytes: null,
      processBytes: bytes - this.#emptyBytes,
      gpuProcessBytes: null,
      gpuBytes: null,
    }
  }

  async close(): Promise<void> {
    const child = this.#process
    this.#process = null
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill()
    await ended
  }

  #ask<T>(question: Question): Promise<T> {
    const child = this.#process!
    return new Promise((resolve, reject) => {
      const ended = (code: number | null) => reject(new Error(`llama.cpp's process ended with ${code}`))
      child.once('exit', ended)
      child.once('message', (reply: Reply) => {
        child.off('exit', ended)
        if ('error' in reply) reject(new Error(reply.error))
        else resolve(reply.value as T)
      })
      child.send(question)
    })
  }
}
