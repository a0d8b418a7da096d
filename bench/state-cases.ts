import type { Kernel, ParamType } from '../src/gpu/kernel'
import { type ChunkShape, causalConv, keptInputs } from '../src/kernels/causal-conv'
import { gatedNorm } from '../src/kernels/gated-norm'
import { deltaScan, scanLanes, ssmScan } from '../src/kernels/scan'
import type { Variants } from '../src/model/variants'
import type { TimedDispatch } from './kernel-timer'

type Shape = ChunkShape & { readonly channels: number; readonly groups: number; readonly width: number }

interface StateCase {
  // biome-ignore lint/suspicious/noExplicitAny: kernels that bind different things
  readonly kernel: Kernel<Shape, any, Record<string, ParamType>, any>
  readonly model: string
  readonly what: string
  readonly dispatch: TimedDispatch<Shape>
}

/** Kernels that keep a state, on a chunk of so many tokens: the shapes of LFM2 1.2B, Granite 4.0 H Tiny, Qwen3-Next. */
export function stateCases(tokens: number, variants: Variants): StateCase[] {
  const batch = Uint32Array.from([0, tokens, 1, 0])
  const shape = { chunks: 1, tokens, channels: 2048, groups: 32, width: 128 }
  const [heads, inner] = [48, 48 * 64]
  const ssmWidth = inner + 2 * 128
  const deltaWidth = 2 * 16 * 128 + 32 * 128
  const at = { chunks_at: 0, state_offset: 0, state_stride: 0 }
  const one = (
    model: string,
    kernel: StateCase['kernel'],
    dispatch: Omit<TimedDispatch<Shape>, 'shape'>,
  ) => ({
    kernel,
    model,
    what: `a chunk of ${tokens}`,
    dispatch: { ...dispatch, shape },
  })
  return [
    one('LFM2', causalConv, {
      variant: { constants: { workgroup_size: variants.rowLanes, taps: 3 }, conditions: { gated: true } },
      buffers: {
        x: 3 * 2048 * tokens,
        constants: 3 * 2048,
        batch,
        state: keptInputs * 2048,
        y: 2048 * tokens,
      },
      params: {
        ...at,
        channels: 2048,
        x_stride: 3 * 2048,
        x_offset: 2 * 2048,
        run: 2048,
        run_stride: 0,
        before_offset: 0,
        after_offset: 2048,
        weight_offset: 0,
        bias_offset: 0,
        y_stride: 2048,
        y_offset: 0,
      },
    }),
    one('Gran.', ssmScan, {
      variant: {
        constants: {
          workgroup_size: scanLanes(128, variants.headLanes),
          heads,
          head_dim: 64,
          state_dim: 128,
        },
      },
      buffers: {
        x: ssmWidth * tokens,
        dt: heads * tokens,
        constants: 3 * heads,
        batch,
        state: inner * 128,
        y: inner * tokens,
      },
      params: {
        ...at,
        x_stride: ssmWidth / 4,
        x_offset: 0,
        b_offset: inner / 4,
        c_offset: (inner + 128) / 4,
        group_heads: heads,
        dt_stride: heads,
        dt_offset: 0,
        dt_scale: 1,
        least_dt: 0,
        most_dt: 1e30,
        rate_offset: 0,
        dt_bias_offset: heads,
        d_offset: 2 * heads,
        y_stride: inner,
      },
    }),
    one('Qwen', deltaScan, {
      variant: {
        constants: {
          workgroup_size: scanLanes(128, variants.headLanes),
          heads: 32,
          key_dim: 128,
          value_dim: 128,
        },
      },
      buffers: {
        x: deltaWidth * tokens,
        gates: 64 * tokens,
        constants: 64,
        batch,
        state: 32 * 128 * 128,
        y: 32 * 128 * tokens,
      },
      params: {
        ...at,
        x_stride: deltaWidth / 4,
        q_offset: 0,
        k_offset: (16 * 128) / 4,
        v_offset: 2 * 16 * 128,
        key_run: 2,
        key_heads: 16,
        gates_stride: 64,
        a_offset: 32,
        b_offset: 0,
        gates_run: 32,
        gates_run_stride: 0,
        rate_offset: 0,
        dt_bias_offset: 32,
        y_stride: 32 * 128,
      },
    }),
    one('Qwen', gatedNorm, {
      variant: { constants: { workgroup_size: variants.headLanes }, conditions: { normed: true } },
      buffers: { x: 32 * 128 * tokens, gate: 32 * 128 * tokens, constants: 128, y: 32 * 128 * tokens },
      params: {
        width: 128,
        x_stride: 32 * 128,
        gate_stride: 32 * 128,
        gate_offset: 0,
        gate_run: 32,
        gate_run_stride: 0,
        gate_scale: 1,
        weight_offset: 0,
        weight_stride: 0,
        y_stride: 32 * 128,
        scale: 1,
        eps: 1e-6,
      },
    }),
  ]
}
