import type { Answer } from './page/runtime.ts'

export const peerNames = ['octavo', 'octavo-fast', 'ort', 'transformers', 'wllama', 'llama.cpp'] as const
export type PeerName = (typeof peerNames)[number]

interface PeerFacts {
  readonly title: string
  /** The package below bench/ that its version is read from; null: it is this project. */
  readonly package: string | null
  readonly runsOn: 'webgpu' | 'cpu'
  /** What it reads: the GGUF file, or ONNX of the same shape with random weights. */
  readonly reads: 'gguf' | 'onnx'
  /** A feature of the adapter without which it runs on the CPU, and says nothing of it. */
  readonly needs?: 'shader-f16'
}

export const peerFacts: Readonly<Record<PeerName, PeerFacts>> = {
  octavo: { title: 'Octavo, exact', package: null, runsOn: 'webgpu', reads: 'gguf' },
  'octavo-fast': { title: 'Octavo, fast', package: null, runsOn: 'webgpu', reads: 'gguf' },
  ort: { title: 'ONNX Runtime Web', package: 'onnxruntime-web', runsOn: 'webgpu', reads: 'onnx' },
  transformers: {
    title: 'Transformers.js',
    package: '@huggingface/transformers',
    runsOn: 'webgpu',
    reads: 'onnx',
  },
  wllama: {
    title: 'wllama',
    package: '@wllama/wllama',
    runsOn: 'webgpu',
    reads: 'gguf',
    needs: 'shader-f16',
  },
  'llama.cpp': {
    title: 'llama.cpp, native, CPU',
    package: 'node-llama-cpp',
    runsOn: 'cpu',
    reads: 'gguf',
  },
}

/** Bytes that a peer takes; null where nobody says. */
export interface PeerMemory {
  /** JavaScript objects of the page, without its workers. */
  readonly heapBytes: number | null
  /** Memory of the process that runs it (of a page, with its workers), less that of an empty page. */
  readonly processBytes: number | null
  /** The browser's GPU process, less that of an empty page: on a software adapter, what the GPU holds. */
  readonly gpuProcessBytes: number | null
  /** Buffers on the GPU by the runtime's own count. */
  readonly gpuBytes: number | null
}

/** A runtime in a browser or a process of its own. */
export interface RunningPeer {
  /** Begins with nothing loaded, in a new page; gives the milliseconds until the prompt's first token. */
  start(prompt: readonly number[]): Promise<number>
  generate(prompt: readonly number[], tokens: number): Promise<Answer>
  memory(): Promise<PeerMemory>
  close(): Promise<void>
}

/** A peer that has nothing stored yet. */
export type OpenPeer = () => Promise<RunningPeer>
