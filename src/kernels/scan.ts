import { kernel, storage } from '../gpu/kernel'
import type { ChunkShape } from './causal-conv'

const batch = storage('read', 'u32', ['words'])
/** The layer's small tensors. */
const constants = storage('read', 'f32', ['constants'])
const y = storage('read_write', 'f32', ['tokens', 'y_stride'])

/** Bytes of workgroup memory that every device has. */
const workgroupBytes = 16384

/** Lanes of a scan's workgroup: each keeps a row of the state, `dim` floats, in workgroup memory. */
export function scanLanes(dim: number, most: number): number {
  return Math.max(1, Math.min(most, Math.floor(workgroupBytes / (4 * dim))))
}

/** Where each kernel finds its chunks and its part of a slot, in quads. */
const stateParams = { chunks_at: 'u32', state_stride: 'u32', state_offset: 'u32' } as const

/** Each slot's state is read and written once a chunk; inputs and results once a token. */
function scanBytes({ chunks, tokens }: ChunkShape, stateFloats: number, tokenFloats: number): number {
  return 4 * (2 * chunks * stateFloats + tokens * tokenFloats)
}

/**
 * The scan of Mamba 2 (Dao & Gu 2024, arXiv:2405.21060), token by token: of each head
 * Δ = clamp(softplus(dt_scale · dt + dt_bias), least_dt, most_dt), h = e^(Δ · rate) · h + Δ · x ⊗ B, y = h · C + D · x,
 * where `rate` = −e^A_log lies in the constants as it is. Heads in groups of `group_heads` share B and C.
 *
 * x, B and C are parts of one row; x_offset counts floats, b_offset, c_offset and x_stride quads. A slot's part of the
 * state is [heads, state_dim / 4, head_dim] quads. head_dim and state_dim are multiples of 4;
 * `workgroup_size` is `scanLanes(state_dim, …)`.
 */
export const ssmScan = kernel({
  shader: 'ssm_scan',
  bindings: {
    x: storage('read', 'vec4f', ['tokens', 'x_stride']),
    dt: storage('read', 'f32', ['tokens', 'dt_stride']),
    constants,
    batch,
    state: storage('read_write', 'vec4f', ['slots', 'state_stride']),
    y,
  },
  params: {
    ...stateParams,
    x_stride: 'u32',
    x_offset: 'u32',
    b_offset: 'u32',
    c_offset: 'u32',
    group_heads: 'u32',
    dt_stride: 'u32',
    dt_offset: 'u32',
    dt_scale: 'f32',
    least_dt: 'f32',
    most_dt: 'f32',
    rate_offset: 'u32',
    dt_bias_offset: 'u32',
    d_offset: 'u32',
    y_stride: 'u32',
  },
  constants: ['workgroup_size', 'heads', 'head_dim', 'state_dim'],
  grid: ({ chunks }: ChunkShape, { workgroup_size, heads, head_dim }) => [
    Math.ceil(head_dim / workgroup_size),
    heads,
    chunks,
  ],
  bytes: (shape, { heads, head_dim, state_dim }) =>
    scanBytes(shape, heads * head_dim * state_dim, heads * (2 * head_dim + 1) + 2 * state_dim),
})

/**
 * The gated delta rule (Yang et al. 2024, arXiv:2412.06464), token by token: of each value head
 * S = e^(rate · softplus(a + dt_bias)) · S, S = S + k̂ ⊗ sigmoid(b) · (v − k̂ · S), y = q̂ · S / √key_dim, where k̂ and q̂
 * have length 1 (but for an epsilon of 1e-6 under the root) and `rate` = −e^A_log lies in the constants as it is.
 *
 * Value head h takes key head ⌊h / key_run⌋ % key_heads. q, k and v are parts of one row; v_offset counts floats,
 * q_offset, k_offset and x_stride quads. A head's a and b lie at ⌊h / gates_run⌋ · gates_run_stride + h % gates_run from
 * their offsets: `gates_run` is the number of heads where each lie together. A slot's part of the state is
 * [heads, key_dim / 4, value_dim] quads. key_dim and value_dim are multiples of 4; `workgroup_size` is
 * `scanLanes(key_dim, …)`.
 */
export const deltaScan = kernel({
  shader: 'delta_scan',
  bindings: {
    x: storage('read', 'vec4f', ['tokens', 'x_stride']),
    gates: storage('read', 'f32', ['tokens', 'gates_stride']),
    constants,
    batch,
    state: storage('read_write', 'vec4f', ['slots', 'state_stride']),
    y,
  },
  params: {
    ...stateParams,
    x_stride: 'u32',
    q_offset: 'u32',
    k_offset: 'u32',
    v_offset: 'u32',
    key_run: 'u32',
    key_heads: 'u32',
    gates_stride: 'u32',
    a_offset: 'u32',
    b_offset: 'u32',
    gates_run: 'u32',
    gates_run_stride: 'u32',
    rate_offset: 'u32',
    dt_bias_offset: 'u32',
    y_stride: 'u32',
  },
  constants: ['workgroup_size', 'heads', 'key_dim', 'value_dim'],
  grid: ({ chunks }: ChunkShape, { workgroup_size, heads, value_dim }) => [
    Math.ceil(value_dim / workgroup_size),
    heads,
    chunks,
  ],
  bytes: (shape, { heads, key_dim, value_dim }) =>
    scanBytes(shape, heads * key_dim * value_dim, heads * (2 * value_dim + 2 * key_dim + 2)),
})
