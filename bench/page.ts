import { loadModelUrl } from '../test/support/load-model'
import { type BatchBenchOptions, benchBatch } from './batch'
import { benchCold, type ColdBenchOptions } from './cold'
import { benchContext, type ContextBenchOptions } from './context'
import { countDecode } from './counts'
import { benchEmbeddings, type EmbeddingsBenchOptions, encoderPaths } from './embeddings'
import { benchEngine, type EngineBenchOptions } from './engine'
import { countFamily, decoderNames } from './family-counts'
import { benchKernels, type KernelBenchOptions } from './kernels'
import { benchTurns, type TurnsBenchOptions } from './turns'
import { benchTypes, type TypesBenchOptions } from './types'

/** What scripts/ call in the page. */
const calls = {
  benchBatch: (options: BatchBenchOptions) => benchBatch(options),
  benchContext: (model: string, options: ContextBenchOptions) =>
    benchContext((how) => loadModelUrl(model, how), options),
  benchCold: (options: Omit<ColdBenchOptions, 'gpu'>) => benchCold({ ...options, gpu: navigator.gpu }),
  benchTurns: (options: TurnsBenchOptions) => benchTurns(options),
  benchEmbeddings: async (folder: string, options: EmbeddingsBenchOptions) =>
    benchEmbeddings(
      navigator.gpu,
      await Promise.all(encoderPaths.map((path) => fileAt(folder, path))),
      options,
    ),
  benchEngine: (options: EngineBenchOptions) => benchEngine(options, () => window.coldLoaded!()),
  benchKernels: (options: KernelBenchOptions) => benchKernels(navigator.gpu, options),
  benchTypes: (options: TypesBenchOptions) => benchTypes(navigator.gpu, options),
  countFamily,
  decoderNames: (root: string) => decoderNames(root),
  countDecode: (model: string, promptTokens: number) =>
    countDecode({ gpu: navigator.gpu, load: (gpu) => loadModelUrl(model, { gpu }), promptTokens }),
}

export type PageCalls = typeof calls

declare global {
  interface Window {
    octavoBench?: PageCalls
    /** Given by scripts/bench.ts. */
    coldLoaded?: () => Promise<void>
  }
}

window.octavoBench = calls

async function fileAt(folder: string, path: string): Promise<File> {
  const response = await fetch(`${folder}/${path}`)
  if (!response.ok) throw new Error(`${folder}/${path}: ${response.status}`)
  return new File([await response.blob()], path)
}
