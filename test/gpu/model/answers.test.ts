import { expect, it } from 'vitest'
import { countingGpu, objectsCreated } from '../../support/count-device'
import { generate, generateAnswers, RecordingEngine } from '../../support/generate'
import { loadModelBytes } from '../../support/load-model'
import { tinyModel } from '../../support/tiny-model'
import { randomNumbers } from '../../support/tiny-model-tensors'

const tiny = tinyModel({ heads: 6, kvHeads: 2, headDim: 32 })
const random = randomNumbers(5)
/** Four full blocks and a part of one. */
const promptIds = Array.from({ length: 150 }, () => Math.floor(tiny.shape.vocab * random()))

for (const format of ['f16', 'f32', 'int4'] as const) {
  it(`gives several answers the bits that one has alone, from one prefill, with a cache of ${format}`, async () => {
    const counting = countingGpu(navigator.gpu)
    const model = await loadModelBytes(tiny.file, { gpu: counting.gpu, format, maxBatchTokens: 48 })
    const expected = await generate(new RecordingEngine(model.runner), { promptIds, maxTokens: 8 })
    counting.reset()
    const engine = new RecordingEngine(model.runner)
    const four = Array.from({ length: 4 }, () => ({ promptIds, maxTokens: 8 }))
    expect(await Promise.all(generateAnswers(engine, four))).toEqual([expected, expected, expected, expected])
    const chunks = engine.steps.flat().filter(({ start }) => start < promptIds.length)
    expect(chunks.reduce((sum, { ids }) => sum + ids.length, 0)).toBe(promptIds.length + 3)
    expect(chunks.filter(({ copyBlock }) => copyBlock !== null)).toHaveLength(3)
    expect(objectsCreated(counting.counts)).toBe(0)
    engine.checkIntegrity()
    model.destroy()
  })
}
