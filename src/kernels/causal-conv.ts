import { kernel, storage } from '../gpu/kernel'

/** Inputs that a channel keeps from one chunk of a sequence to the next, whatever the number of taps. */
export const keptInputs = 3

/** Taps that a convolution may have. */
export const mostTaps = keptInputs + 1

/** What a kernel that keeps a state must know of a batch. */
export interface ChunkShape {
  readonly chunks: number
  readonly tokens: number
}

/**
 * Depthwise causal convolution over the tokens of each chunk: y[t, c] = Σ weight[c, i] · x[t − taps + 1 + i, c] (+ bias),
 * `activated` by silu. What lies before the chunk is kept in the sequence's slot; a chunk at position 0 has zeros before
 * it, whatever the slot holds.
 *
 * `gated` is LFM2's short convolution: x is multiplied by the row's part at `before_offset` and the result by that at
 * `after_offset`. Channels may lie in runs: channel c is x[x_offset + ⌊c / run⌋ · run_stride + c % run]; `run` is
 * `channels` where they lie together. A slot's part of the state is [keptInputs, channels], the newest last.
 */
export const causalConv = kernel({
  shader: 'causal_conv',
  bindings: {
    x: storage('read', 'f32', ['tokens', 'x_stride']),
    constants: storage('read', 'f32', ['constants']),
    batch: storage('read', 'u32', ['words']),
    state: storage('read_write', 'f32', ['slots', 'state_stride']),
    y: storage('read_write', 'f32', ['tokens', 'y_stride']),
  },
  params: {
    chunks_at: 'u32',
    channels: 'u32',
    x_stride: 'u32',
    x_offset: 'u32',
    run: 'u32',
    run_stride: 'u32',
    before_offset: 'u32',
    after_offset: 'u32',
    weight_offset: 'u32',
    bias_offset: 'u32',
    state_stride: 'u32',
    state_offset: 'u32',
    y_stride: 'u32',
    y_offset: 'u32',
  },
  constants: ['workgroup_size', 'taps'],
  conditions: ['gated', 'biased', 'activated'],
  grid: ({ chunks, channels }: ChunkShape & { channels: number }, { workgroup_size }) => [
    Math.ceil(channels / workgroup_size),
    chunks,
    1,
  ],
  bytes: ({ chunks, tokens, channels }, { taps }) =>
    4 * channels * (2 * tokens + 2 * keptInputs * chunks + taps),
})
