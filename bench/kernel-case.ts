import type { Kernel, ParamType } from '../src/gpu/kernel'
import type { TimedDispatch } from './kernel-timer'

/** Some kernel on some shape. */
export interface KernelCase {
  readonly what: string
  /** Multiplications and additions; null where bytes tell all. */
  readonly operations: number | null
  // biome-ignore lint/suspicious/noExplicitAny: any kernel, whatever its shape
  readonly kernel: Kernel<any, any, Record<string, ParamType>, any>
  // biome-ignore lint/suspicious/noExplicitAny: of the kernel's shape
  readonly dispatch: TimedDispatch<any>
}

/** Checks that the dispatch is the kernel's. */
export function kernelCase<Shape>(
  // biome-ignore lint/suspicious/noExplicitAny: any kernel, whatever it binds
  kernel: Kernel<Shape, any, Record<string, ParamType>, any>,
  what: string,
  operations: number | null,
  dispatch: TimedDispatch<Shape>,
): KernelCase {
  return { kernel, what, operations, dispatch }
}
