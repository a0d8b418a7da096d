import { expect } from 'vitest'
import type { Kernel, KernelVariant } from '../../src/gpu/kernel'
import { Pipeline } from '../../src/gpu/pipeline'
import { linkShader } from '../../src/gpu/shader'

/** What a broken compiler makes of some code. */
export type Fault = readonly [right: string, wrong: string]

/** A kernel as a compiler makes it, that may be broken: what the fault is about has to be in its code. */
export async function compileKernel(
  device: GPUDevice,
  kernel: unknown,
  variant: KernelVariant,
  fault: Fault | null,
): Promise<Pipeline> {
  const own = kernel as Kernel<never>
  const code = await linkShader(own, variant)
  const [right, wrong] = fault ?? ['', '']
  expect(code, own.shader).toContain(right)
  return Pipeline.create(device, own, variant, fault ? code.replaceAll(right, wrong) : code)
}
