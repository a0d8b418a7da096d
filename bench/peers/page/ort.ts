import { AnswerClock, type Runtime, type StartOptions } from './runtime'

interface Tensor {
  getData(): Promise<Float32Array>
  dispose(): void
}

/** What is used of onnxruntime-web. */
interface Ort {
  readonly env: { readonly wasm: { wasmPaths: string; numThreads: number } }
  readonly Tensor: new (
    type: 'int64' | 'float32',
    data: BigInt64Array | Float32Array,
    dims: readonly number[],
  ) => Tensor
  readonly InferenceSession: {
    create(model: Uint8Array, options: Readonly<Record<string, unknown>>): Promise<Session>
  }
}

interface Session {
  run(feeds: Readonly<Record<string, Tensor>>): Promise<Readonly<Record<string, Tensor>>>
}

type Cache = Readonly<Record<string, Tensor>>

/** ONNX Runtime on WebGPU, in a greedy loop that leaves keys and values on the GPU. */
export async function startOrt({ urls, layers, kvHeads, headDim }: StartOptions): Promise<Runtime> {
  const folder = `${urls.packages}onnxruntime-web/dist/`
  const ort = (await import(/* @vite-ignore */ `${folder}ort.webgpu.min.mjs`)) as Ort
  ort.env.wasm.wasmPaths = folder
  ort.env.wasm.numThreads = 1
  const response = await fetch(`${urls.onnx}onnx/model_q4.onnx`)
  const names = Array.from({ length: layers }, (_, i) => [`${i}.key`, `${i}.value`]).flat()
  const session = await ort.InferenceSession.create(new Uint8Array(await response.arrayBuffer()), {
    executionProviders: ['webgpu'],
    preferredOutputLocation: Object.fromEntries(names.map((name) => [`present.${name}`, 'gpu-buffer'])),
    graphOptimizationLevel: 'all',
  })
  const integers = (values: readonly number[]) =>
    new ort.Tensor('int64', BigInt64Array.from(values, BigInt), [1, values.length])

  async function step(ids: readonly number[], total: number, past: Cache): Promise<[number, Cache]> {
    const outputs = await session.run({
      input_ids: integers(ids),
      attention_mask: integers(new Array<number>(total).fill(1)),
      ...Object.fromEntries(names.map((name) => [`past_key_values.${name}`, past[name]!])),
    })
    const logits = await outputs.logits!.getData()
    const best = logits.reduce((top, value, id) => (value > logits[top]! ? id : top), 0)
    for (const tensor of Object.values(past)) tensor.dispose()
    return [best, Object.fromEntries(names.map((name) => [name, outputs[`present.${name}`]!]))]
  }

  return {
    gpuBytes: () => null,
    generate: async (prompt, tokens) => {
      const clock = new AnswerClock()
      const empty = () => new ort.Tensor('float32', new Float32Array(0), [1, kvHeads, 0, headDim])
      let [id, cache] = await step(
        prompt,
        prompt.length,
        Object.fromEntries(names.map((name) => [name, empty()])),
      )
      clock.count(1)
      for (let i = 1; i < tokens; i++) {
        ;[id, cache] = await step([id], prompt.length + i, cache)
        clock.count(1)
      }
      for (const tensor of Object.values(cache)) tensor.dispose()
      return clock.answer(prompt.length)
    },
  }
}
