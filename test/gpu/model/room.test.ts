import { expect, it } from 'vitest'
import { createEngine } from '../../../src/api/create-engine'
import { inspectModel } from '../../../src/api/inspect-model'
import { tinyModel } from '../../support/tiny-model'

/** Large enough that the parameters of a plan and the read-back buffers, some 0.1 MB, are little beside it. */
const { file } = tinyModel({ heads: 8, kvHeads: 4, headDim: 64, contextLength: 4096 })

for (const format of ['f16', 'int4'] as const) {
  it(`the GPU bytes that inspectModel tells are those that the engine takes within 3 %, with a cache of ${format}`, async () => {
    const model = new File([file], 'small.gguf')
    const options = { gpu: navigator.gpu, kvCache: { format } }
    const { gpu, fits } = await inspectModel(model, options)
    const engine = await createEngine({ model, ...options })
    const { gpuBytes, kvCache, model: loaded } = engine.info
    await engine.unload()
    expect(fits).toBe(true)
    expect(gpu).toMatchObject({ kvCacheBytes: kvCache.bytes, contextTokens: loaded.contextLength })
    expect(gpuBytes - gpu!.bytes).toBeLessThan(2 ** 18)
    expect(Math.abs(gpu!.bytes / gpuBytes - 1)).toBeLessThan(0.03)
  })
}
