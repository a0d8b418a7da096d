import { OctavoError } from 'octavo'

/** Whether this browser can run a model at all, before anything is downloaded; null if so. */
export async function missingGpu(): Promise<OctavoError | null> {
  if (!navigator.gpu) {
    return new OctavoError(
      'no-webgpu',
      'The model computes on the GPU, which a page reaches through WebGPU.',
      'Use a browser with WebGPU.',
    )
  }
  const adapter = await navigator.gpu.requestAdapter().catch(() => null)
  if (adapter) return null
  return new OctavoError(
    'no-adapter',
    'This browser has WebGPU but found no GPU that it may use.',
    'Update the graphics driver, or switch on hardware acceleration in the browser’s settings, and restart the browser.',
  )
}
