import { AnswerClock, type Runtime, type StartOptions } from './runtime'

interface Model {
  generate(options: Readonly<Record<string, unknown>>): Promise<unknown>
}

/** What is used of Transformers.js. */
interface Transformers {
  readonly env: {
    allowRemoteModels: boolean
    allowLocalModels: boolean
    localModelPath: string
    readonly backends: { readonly onnx: { readonly wasm: { wasmPaths: string; numThreads: number } } }
  }
  readonly Tensor: new (type: 'int64', data: BigInt64Array, dims: readonly number[]) => unknown
  readonly BaseStreamer: new () => object
  readonly AutoModelForCausalLM: {
    from_pretrained(name: string, options: Readonly<Record<string, unknown>>): Promise<Model>
  }
}

/** Transformers.js on WebGPU, with the ONNX Runtime that it brings and its own cache of files. */
export async function startTransformers({ urls }: StartOptions): Promise<Runtime> {
  const own = `${urls.packages}@huggingface/transformers/`
  const library = (await import(/* @vite-ignore */ `${own}dist/transformers.web.js`)) as Transformers
  const { env } = library
  env.allowRemoteModels = false
  env.allowLocalModels = true
  const folder = new URL(urls.onnx)
  const [, parent, name] = /^(.*\/)([^/]+)\/$/.exec(folder.pathname)!
  env.localModelPath = parent!
  env.backends.onnx.wasm.wasmPaths = `${own}node_modules/onnxruntime-web/dist/`
  env.backends.onnx.wasm.numThreads = 1
  const model = await library.AutoModelForCausalLM.from_pretrained(name!, { dtype: 'q4', device: 'webgpu' })
  return {
    gpuBytes: () => null,
    generate: async (prompt, tokens) => {
      const clock = new AnswerClock()
      let isEcho = true
      /** Hears the prompt first, then token by token. */
      class Streamer extends library.BaseStreamer {
        put(): void {
          if (!isEcho) clock.count(1)
          isEcho = false
        }

        end(): void {}
      }
      const integers = (values: readonly number[]) =>
        new library.Tensor('int64', BigInt64Array.from(values, BigInt), [1, values.length])
      await model.generate({
        input_ids: integers(prompt),
        attention_mask: integers(prompt.map(() => 1)),
        max_new_tokens: tokens,
        min_new_tokens: tokens,
        do_sample: false,
        eos_token_id: -1,
        streamer: new Streamer(),
      })
      return clock.answer(prompt.length)
    },
  }
}
