import { expect, it } from 'vitest'
import { createEngine } from '../../../src/api/create-engine'
import { OctavoError } from '../../../src/util/octavo-error'

/** A WebGPU that finds no GPU. */
const gpu = { requestAdapter: async () => null } as unknown as GPU

it('with a GPU object the engine runs in this thread, and its errors come back whole', async () => {
  const model = new File([new Uint8Array(64)], 'not-a-model.gguf')
  const error = await createEngine({ model, gpu }).catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(OctavoError)
  expect((error as OctavoError).code).toBe('malformed-file')
})
