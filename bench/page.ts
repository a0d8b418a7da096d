import { loadModelUrl } from '../test/support/load-model'
import { countDecode } from './counts'
import { benchEngine, type EngineBenchOptions } from './engine'
import { benchKernels, type KernelBenchOptions } from './kernels'

/** What scripts/ call in the page. */
const calls = {
  benchEngine: (options: EngineBenchOptions) => benchEngine(options, () => window.coldLoaded!()),
  benchKernels: (options: KernelBenchOptions) => benchKernels(navigator.gpu, options),
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
