import { parseArgs } from 'node:util'
import { type PeerName, peerNames } from './peer.ts'
import { contextTokens, type ModelName, modelNames } from './shapes.ts'

export const adapters = ['lavapipe', 'swiftshader', 'default'] as const
export type BenchAdapter = (typeof adapters)[number]

export interface PeerBenchOptions {
  readonly adapter: BenchAdapter
  readonly peers: readonly PeerName[]
  readonly model: ModelName
  readonly rounds: number
  readonly starts: number
  readonly prefills: readonly number[]
  readonly decode: number
  /** Of llama.cpp. */
  readonly threads: number
  readonly json: string | null
}

/** Precisions of Octavo, by the peer that has it. */
const precisions = { exact: 'octavo', fast: 'octavo-fast' } as const

/** @throws with what is wrong, and what could be there instead. */
export function peerBenchOptions(args: readonly string[]): PeerBenchOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      adapter: { type: 'string', default: 'lavapipe' },
      peers: { type: 'string', default: 'octavo,ort,transformers,wllama,llama.cpp' },
      precision: { type: 'string', default: 'exact' },
      model: { type: 'string', default: '135m' },
      rounds: { type: 'string', default: '3' },
      starts: { type: 'string', default: '2' },
      prefill: { type: 'string', default: '128,512' },
      decode: { type: 'string', default: '64' },
      threads: { type: 'string', default: '1' },
      json: { type: 'string' },
    },
  })
  const chosen = manyOf('peers', values.peers, peerNames)
  const octavos = manyOf('precision', values.precision, ['exact', 'fast'] as const)
  const peers = chosen.flatMap((name) =>
    name === 'octavo' ? octavos.map((precision) => precisions[precision]) : [name],
  )
  const options: PeerBenchOptions = {
    adapter: oneOf('adapter', values.adapter, adapters),
    peers: [...new Set(peers)],
    model: oneOf('model', values.model, modelNames),
    rounds: count('rounds', values.rounds),
    starts: count('starts', values.starts),
    prefills: values.prefill.split(',').map((each) => count('prefill', each)),
    decode: count('decode', values.decode),
    threads: count('threads', values.threads),
    json: values.json ?? null,
  }
  const longest = Math.max(...options.prefills) + options.decode + 1
  if (longest > contextTokens)
    throw new Error(`--prefill and --decode make ${longest} tokens; there is room for ${contextTokens}`)
  return options
}

function oneOf<Name extends string>(option: string, value: string, names: readonly Name[]): Name {
  const name = names.find((each) => each === value)
  if (name === undefined) throw new Error(`--${option} has '${value}'; there are ${names.join(', ')}`)
  return name
}

function manyOf<Name extends string>(option: string, value: string, names: readonly Name[]): Name[] {
  return value.split(',').map((each) => oneOf(option, each, names))
}

function count(option: string, value: string): number {
  const number = Number(value)
  if (!Number.isInteger(number) || number < 1)
    throw new Error(`--${option} has '${value}', not a whole number above 0`)
  return number
}
