import { abortedError } from '../util/octavo-error'
import type { ModelInspection } from '../worker/inspection'
import { connectInThread, connectWorker } from './connect'
import { type EngineOptions, loadRequest, noWorker } from './options'
import { unlessAborted } from './unless-aborted'

/** What `inspectModel` takes beside the model: those options of the engine that decide how much room it takes. */
export type InspectOptions = Pick<
  EngineOptions,
  | 'hub'
  | 'signal'
  | 'floatWeights'
  | 'kvCache'
  | 'invariance'
  | 'precision'
  | 'maxSequences'
  | 'tokenBudget'
  | 'gpu'
>

/**
 * Tells what a model is and whether this device can run it, before its weights are fetched: only the beginnings of its
 * files, where the headers are, and small texts are read (and kept for the load). GPU bytes are counted by the code that makes the room.
 *
 * WebGPU does not say how much memory a GPU has: `fits` means that nothing is known to stand in the way.
 *
 * @throws OctavoError 'not-found', 'unauthorized', 'network', 'malformed-file', 'unsupported-architecture',
 * 'unsupported-tensor-type', 'invalid-option', 'aborted', 'worker-died', 'no-webgpu' where there is neither a Web Worker nor
 * `gpu`; what the device lacks is no error but a reason
 * @example
 * const { model: facts, fits, reasons, quantizations } = await inspectModel('bartowski/SmolLM2-135M-Instruct-GGUF')
 * show(facts.name, facts.quantization, facts.licence)
 * if (!fits) show(reasons[0]?.message, quantizations.find((choice) => choice.fits)?.reference)
 */
export async function inspectModel(
  model: EngineOptions['model'],
  options: InspectOptions = {},
): Promise<ModelInspection> {
  const request = loadRequest({ ...options, model })
  const { gpu, signal } = options
  const what = 'Inspecting the model'
  if (signal?.aborted) throw abortedError(what, signal)
  if (!gpu && typeof Worker === 'undefined') throw noWorker()
  const connection = gpu ? await connectInThread(gpu) : await connectWorker()
  try {
    const inspecting = () => connection.call((service) => service.inspect(request))
    // Closing the connection ends it.
    return await unlessAborted(what, inspecting, signal, () => {})
  } finally {
    void connection.close()
  }
}
