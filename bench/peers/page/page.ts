import { startOctavo } from './octavo'
import { startOrt } from './ort'
import type { Answer, Runtime, StartOptions } from './runtime'
import { startTransformers } from './transformers'
import { startWllama } from './wllama'

const starts = {
  octavo: (options: StartOptions) => startOctavo(options, 'exact'),
  'octavo-fast': (options: StartOptions) => startOctavo(options, 'fast'),
  ort: startOrt,
  transformers: startTransformers,
  wllama: startWllama,
} as const

export type PageRuntime = keyof typeof starts

let runtime: Runtime | null = null

/** What Node calls in the page. */
const calls = {
  /** Starts a runtime with its model; gives the milliseconds until its first token. */
  start: async (name: PageRuntime, options: StartOptions, prompt: readonly number[]): Promise<number> => {
    const started = performance.now()
    runtime = await starts[name](options)
    const loadedMs = performance.now() - started
    const { firstMs } = await runtime.generate(prompt, 1)
    return loadedMs + firstMs
  },
  generate: (prompt: readonly number[], tokens: number): Promise<Answer> => runtime!.generate(prompt, tokens),
  gpuBytes: (): number | null => runtime!.gpuBytes(),
  /** The features of the adapter that the runtimes find. */
  adapter: async (): Promise<{ readonly name: string; readonly features: readonly string[] } | null> => {
    const adapter = await navigator.gpu?.requestAdapter()
    if (!adapter) return null
    const { vendor, architecture, description } = adapter.info
    const name = [vendor, architecture, description].filter(Boolean).join(' ')
    return { name, features: [...adapter.features] }
  },
}

export type PeerCalls = typeof calls

declare global {
  interface Window {
    peer?: PeerCalls
  }
}

window.peer = calls
