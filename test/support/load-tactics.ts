import { expect } from 'vitest'
import type { LoadedModel } from '../../src/model/load'
import { greedy } from '../../src/model/step'
import type { StoredTactics, TacticsOptions } from '../../src/model/tactics'
import type { Tune } from '../../src/util/tune'
import { loadModelBytes, type TestLoadOptions } from './load-model'
import { sharingGpu } from './sharing-gpu'
import { tinyModel } from './tiny-model'
import { replaceMethod, watchDevices } from './watch-device'

/** Its rows are shorter. */
export const { file: narrow } = tinyModel()
/** Its rows are as long as those that known cases have products make. */
const wideShape = { hidden: 512, heads: 8, kvHeads: 2, headDim: 64 } as const
export const wide = tinyModel({ ...wideShape, types: { q: 'Q8_0' } }).file
/** The same, where the logits' matrix has a type of its own. */
export const wideLogits = tinyModel({ ...wideShape, types: { embedding: 'Q8_0' } }).file
const ids = [5, 1, 4, 2, 8]

/** A GPU whose compiler makes something else of a kernel, where its code has `mark`. */
export function wrongGpu(shader: string, mark: string, right: string, wrong: string): GPU {
  return watchDevices(sharingGpu(), (device) => {
    const create = replaceMethod(device, 'createShaderModule', (descriptor: GPUShaderModuleDescriptor) => {
      const { label, code } = descriptor
      if (label !== shader || !code.includes(mark)) return create(descriptor)
      expect(code, `${shader} has no “${right}”`).toContain(right)
      return create({ ...descriptor, code: code.replaceAll(right, wrong) })
    })
  })
}

/** Choices kept in a map; `phases` gets what a load tells of its timing. */
export function tactics(
  tune: Tune,
  kept: Map<string, unknown> = new Map(),
  phases: string[] = [],
): TacticsOptions {
  const store = {
    get: async (key: string) => kept.get(key),
    set: async (key: string, value: StoredTactics) => {
      kept.set(key, structuredClone(value))
    },
  }
  return { tune, store, browser: 'a browser 1.0', onTuning: () => phases.push('tuning') }
}

/** Loads, uses and lets go a model: the tiny one, where no bytes are given. */
export async function load<Result>(
  options: TestLoadOptions,
  use: (model: LoadedModel) => Promise<Result>,
  bytes = narrow,
): Promise<Result> {
  const model = await loadModelBytes(bytes, options)
  try {
    return await use(model)
  } finally {
    model.destroy()
  }
}

/** The bits of the logits of one short prompt. */
export async function logitsOf({ runner }: LoadedModel): Promise<Uint32Array> {
  const chunk = {
    ...{ slot: 0, start: 0, ids, blocks: [0], copyBlock: null, copyState: null },
    ...{ sampler: greedy, logprobs: null, promptLogprobs: null },
  }
  await runner.run([chunk])
  return new Uint32Array((await runner.readLogits(1)).buffer)
}
