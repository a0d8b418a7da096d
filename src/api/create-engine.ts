import { abortedError } from '../util/octavo-error'
import { connectInThread, connectWorker } from './connect'
import { Engine } from './engine'
import { type EngineOptions, loadRequest, noWorker } from './options'

/**
 * Loads a model and gives the engine that answers with it. The first load downloads the weights; later ones read
 * them from this device.
 *
 * @throws OctavoError with a `code`, a sentence and a `remedy`: 'no-webgpu', 'no-adapter', 'limits-too-small',
 * 'gpu-out-of-memory', 'disk-full', 'not-found', 'unauthorized', 'network', 'malformed-file',
 * 'unsupported-architecture', 'unsupported-tensor-type', 'unsupported-tokenizer', 'invalid-option', 'aborted',
 * 'device-lost', 'worker-died', 'internal' where this GPU computes wrongly.
 * @example
 * const engine = await createEngine({
 *   model: 'bartowski/SmolLM2-135M-Instruct-GGUF:Q8_0',
 *   onProgress: ({ loadedBytes, totalBytes }) => show(loadedBytes, totalBytes),
 * })
 * const stream = await engine.chat.completions.create({
 *   messages: [{ role: 'user', content: 'Hello' }],
 *   stream: true,
 * })
 * for await (const chunk of stream) write(chunk.choices[0]?.delta.content ?? '')
 * await engine.unload()
 */
export async function createEngine(options: EngineOptions): Promise<Engine> {
  const request = loadRequest(options)
  const { gpu, signal } = options
  if (signal?.aborted) throw abortedError('Loading the model', signal)
  if (!gpu && typeof Worker === 'undefined') throw noWorker()
  const connection = gpu ? await connectInThread(gpu) : await connectWorker()
  return Engine.load(connection, request, options)
}
