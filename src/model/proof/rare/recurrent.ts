import type { Pipeline } from '../../../gpu/pipeline'
import type { Trial } from '../trial'
import type { Trials } from '../trials'
import { eighths } from './eighths'

/**
 * Rows of a sequence in three dispatches, as a prompt in chunks: the first two tokens, one that goes on from the slot, and a
 * sequence that begins anew, whatever the slot holds. Each is a line of the batch.
 */
const chunks = [
  { first: 0, count: 2, position: 0 },
  { first: 2, count: 1, position: 2 },
  { first: 3, count: 1, position: 0 },
] as const
const tokens = 4
/** Tokens of its own sequence that a row has before it. */
const before = [0, 1, 2, 0] as const
const slot = 1
const batch = Uint32Array.from(chunks.flatMap(({ first, count, position }) => [first, count, position, slot]))

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x))
const silu = (x: number) => x * sigmoid(x)
const softplus = (x: number) => Math.log1p(Math.exp(x))

/** Runs a kernel that keeps a state, a chunk at a time. */
function runChunks(
  trials: Trials,
  pipeline: Pipeline,
  buffers: Readonly<Record<string, GPUBuffer>>,
  params: Readonly<Record<string, number>>,
  shape: object = {},
): void {
  const words = trials.buffer('batch', batch)
  chunks.forEach(({ count }, i) => {
    trials.run(
      pipeline,
      { ...buffers, batch: words },
      { ...params, chunks_at: 4 * i },
      { ...shape, chunks: 1, tokens: count },
    )
  })
}

/** Lets channels that lie in runs be convolved, with what a slot keeps between chunks. */
export function tryConvolution(trials: Trials, pipeline: Pipeline): Trial {
  const { taps } = pipeline.variant.constants as Record<'taps', number>
  const { gated, biased, activated } = pipeline.variant.conditions ?? {}
  const [channels, run, run_stride, x_offset, x_stride] = [150, 50, 60, 3, 600]
  const [before_offset, after_offset, y_stride, y_offset] = [200, 400, 160, 7]
  const [weight_offset, bias_offset, state_stride, state_offset] = [5, 700, 500, 9]
  const x = eighths(tokens * x_stride)
  const constants = eighths(bias_offset + channels, 7)
  const y = trials.buffer('y', tokens * y_stride)
  runChunks(
    trials,
    pipeline,
    {
      x: trials.buffer('x', x),
      constants: trials.buffer('constants', constants),
      state: trials.buffer('state', eighths((1 + slot) * state_stride, 3)),
      y,
    },
    {
      ...{ channels, x_stride, x_offset, run, run_stride, before_offset, after_offset },
      ...{ weight_offset, bias_offset, state_stride, state_offset, y_stride, y_offset },
    },
    { channels },
  )
  const inputOf = (row: number, channel: number) => {
    const at = row * x_stride
    const value = x[at + x_offset + Math.floor(channel / run) * run_stride + (channel % run)]!
    return gated ? value * x[at + before_offset + channel]! : value
  }
  const values = Array.from({ length: tokens * y_stride }, (_, at) => {
    const [row, channel] = [Math.floor(at / y_stride), (at % y_stride) - y_offset]
    if (channel < 0 || channel >= channels) return 0
    let sum = biased ? constants[bias_offset + channel]! : 0
    for (let back = 0; back < taps && back <= before[row]!; back++) {
      sum += constants[weight_offset + channel * taps + taps - 1 - back]! * inputOf(row - back, channel)
    }
    const value = activated ? silu(sum) : sum
    return gated ? value * x[row * x_stride + after_offset + channel]! : value
  })
  return trials.expects(pipeline, y, values)
}

/** Of each scan's heads the first two and the last. */
function toldHeads(heads: number): readonly number[] {
  return [...new Set([0, Math.min(1, heads - 1), heads - 1])]
}

/** Σ one · other of rows of quads that begin there. */
function dot(x: Float32Array, one: number, y: Float32Array, other: number, count: number): number {
  let sum = 0
  for (let i = 0; i < count; i++) sum += x[one + i]! * y[other + i]!
  return sum
}

/** Lets the scan of Mamba 2 walk a few tokens. Its state, told apart by tokens: h = Σ decay · Δ · x ⊗ B. */
export function trySsmScan(trials: Trials, pipeline: Pipeline): Trial {
  const { heads, head_dim, state_dim } = pipeline.variant.constants as Record<
    'heads' | 'head_dim' | 'state_dim',
    number
  >
  const group_heads = Math.max(1, Math.floor(heads / 2))
  const groups = Math.ceil(heads / group_heads)
  const inner = heads * head_dim
  const [bAt, cAt] = [inner, inner + groups * state_dim]
  const stride = cAt + groups * state_dim
  const x = eighths(tokens * stride)
  const [dt_offset, dt_scale, least_dt, most_dt] = [3, 1.5, 0.25, 1.75]
  const dtStride = dt_offset + heads
  const dt = eighths(tokens * dtStride, 11).map((value) => 2 * value)
  const [rate_offset, dt_bias_offset, d_offset] = [1, 1 + heads, 1 + 2 * heads]
  const constants = eighths(1 + 3 * heads, 3).map((value, i) => (i <= heads ? value / 2 - 0.625 : value))
  const y = trials.buffer('y', tokens * inner)
  const state_stride = (inner * state_dim) / 4 + 2
  runChunks(
    trials,
    pipeline,
    {
      x: trials.buffer('x', x),
      dt: trials.buffer('dt', dt),
      constants: trials.buffer('constants', constants),
      state: trials.buffer('state', 4 * state_stride * (1 + slot)),
      y,
    },
    {
      state_stride,
      state_offset: 2,
      x_stride: stride / 4,
      x_offset: 0,
      b_offset: bAt / 4,
      c_offset: cAt / 4,
      group_heads,
      dt_stride: dtStride,
      ...{ dt_offset, dt_scale, least_dt, most_dt, rate_offset, dt_bias_offset, d_offset },
      y_stride: inner,
    },
  )
  const values = Array<number>(tokens * inner).fill(Number.NaN)
  for (const head of toldHeads(heads)) {
    const group = Math.floor(head / group_heads) * state_dim
    const steps = Array.from({ length: tokens }, (_, row) => {
      const raw = dt[row * dtStride + dt_offset + head]! * dt_scale + constants[dt_bias_offset + head]!
      return Math.min(most_dt, Math.max(least_dt, softplus(raw)))
    })
    for (let row = 0; row < tokens; row++) {
      for (let p = 0; p < head_dim; p++) {
        const input = (from: number) => x[from * stride + head * head_dim + p]!
        let sum = constants[d_offset + head]! * input(row)
        let decay = 1
        for (let from = row; from >= row - before[row]!; from--) {
          const both = dot(x, row * stride + cAt + group, x, from * stride + bAt + group, state_dim)
          sum += decay * steps[from]! * input(from) * both
          decay *= Math.exp(steps[from]! * constants[rate_offset + head]!)
        }
        values[row * inner + head * head_dim + p] = sum
      }
    }
  }
  return trials.expects(pipeline, y, values, { tolerance: 2e-5 * state_dim })
}

/** Lets the gated delta rule walk a few tokens: its state is Σ decay · k̂ ⊗ what each token has added. */
export function tryDeltaScan(trials: Trials, pipeline: Pipeline): Trial {
  const { heads, key_dim, value_dim } = pipeline.variant.constants as Record<
    'heads' | 'key_dim' | 'value_dim',
    number
  >
  const key_run = heads > 1 ? 2 : 1
  const key_heads = Math.ceil(heads / key_run)
  const [qAt, kAt, vAt] = [0, key_heads * key_dim, 2 * key_heads * key_dim]
  const inner = heads * value_dim
  const stride = vAt + inner
  const x = eighths(tokens * stride)
  const [a_offset, b_offset, gates_run] = [1, 2 + heads, key_run]
  const gates_run_stride = 3 * gates_run
  const gatesStride = b_offset + Math.ceil(heads / gates_run) * gates_run_stride
  const gates = eighths(tokens * gatesStride, 11)
  const [rate_offset, dt_bias_offset] = [1, 1 + heads]
  const constants = eighths(1 + 2 * heads, 3).map((value, i) => (i <= heads ? value / 2 - 0.625 : value))
  const y = trials.buffer('y', tokens * inner)
  const state_stride = (inner * key_dim) / 4 + 2
  runChunks(
    trials,
    pipeline,
    {
      x: trials.buffer('x', x),
      gates: trials.buffer('gates', gates),
      constants: trials.buffer('constants', constants),
      state: trials.buffer('state', 4 * state_stride * (1 + slot)),
      y,
    },
    {
      ...{ state_stride, state_offset: 2, x_stride: stride / 4, q_offset: qAt / 4, k_offset: kAt / 4 },
      ...{ v_offset: vAt, key_run, key_heads, gates_stride: gatesStride, a_offset, b_offset },
      ...{ gates_run, gates_run_stride, rate_offset, dt_bias_offset, y_stride: inner },
    },
  )
  const values = Array<number>(tokens * inner).fill(Number.NaN)
  for (const head of toldHeads(heads)) {
    const key = (Math.floor(head / key_run) % key_heads) * key_dim
    const gate = Math.floor(head / gates_run) * gates_run_stride + (head % gates_run)
    const lengthOf = (at: number) => Math.sqrt(dot(x, at, x, at, key_dim) + 1e-6)
    const [q, k] = [qAt, kAt].map((offset) => (row: number) => row * stride + offset + key) as [
      (row: number) => number,
      (row: number) => number,
    ]
    const cosine = (one: number, other: number) =>
      dot(x, one, x, other, key_dim) / lengthOf(one) / lengthOf(other)
    const keeps = Array.from({ length: tokens }, (_, row) => {
      const raw = gates[row * gatesStride + a_offset + gate]! + constants[dt_bias_offset + head]!
      return Math.exp(constants[rate_offset + head]! * softplus(raw))
    })
    for (let j = 0; j < value_dim; j++) {
      const added: number[] = []
      for (let row = 0; row < tokens; row++) {
        // Σ decay · cosine · what was added, of the tokens before.
        const seen = (at: number) => {
          let [sum, decay] = [0, 1]
          for (let from = row - 1; from >= row - before[row]!; from--) {
            decay *= keeps[from + 1]!
            sum += decay * cosine(at, k(from)) * added[from]!
          }
          return sum
        }
        const place = row * inner + head * value_dim + j
        const beta = sigmoid(gates[row * gatesStride + b_offset + gate]!)
        added.push(beta * (x[row * stride + vAt + head * value_dim + j]! - seen(k(row))))
        values[place] = (seen(q(row)) + cosine(q(row), k(row)) * added[row]!) / Math.sqrt(key_dim)
      }
    }
  }
  return trials.expects(pipeline, y, values)
}

/** Lets groups of rows be gated and normalized. */
export function tryGatedNorm(trials: Trials, pipeline: Pipeline): Trial {
  const { normed, gate_first } = pipeline.variant.conditions ?? {}
  const [width, groups, gate_run, gate_run_stride, gate_offset] = [150, 3, 2, 350, 5]
  const [gate_stride, weight_offset, weight_stride, y_stride] = [800, 1, 150, 500]
  const [gate_scale, scale, eps] = [1.5, 0.5, 0.125]
  const x = eighths(tokens * groups * width)
  const gate = eighths(tokens * gate_stride, 7).map((value) => 2 * value)
  const constants = eighths(weight_offset + groups * width, 3)
  const y = trials.buffer('y', tokens * y_stride)
  trials.run(
    pipeline,
    {
      x: trials.buffer('x', x),
      gate: trials.buffer('gate', gate),
      constants: trials.buffer('constants', constants),
      y,
    },
    {
      ...{ width, x_stride: groups * width, gate_stride, gate_offset, gate_run, gate_run_stride, gate_scale },
      ...{ weight_offset, weight_stride, y_stride, scale, eps },
    },
    { tokens, groups, width },
  )
  const values = Array<number>(tokens * y_stride).fill(0)
  for (let token = 0; token < tokens; token++) {
    for (let group = 0; group < groups; group++) {
      const own = x.subarray((token * groups + group) * width, (token * groups + group + 1) * width)
      const from =
        token * gate_stride +
        gate_offset +
        Math.floor(group / gate_run) * gate_run_stride +
        (group % gate_run) * width
      const gateOf = (i: number) => silu(gate_scale * gate[from + i]!)
      const squares = own.reduce((sum, value, i) => sum + (value * (gate_first ? gateOf(i) : 1)) ** 2, 0)
      const norm = normed ? 1 / Math.sqrt(squares / width + eps) : 1
      own.forEach((value, i) => {
        const weight = normed ? constants[weight_offset + group * weight_stride + i]! : 1
        values[token * y_stride + group * width + i] = scale * value * gateOf(i) * norm * weight
      })
    }
  }
  return trials.expects(pipeline, y, values)
}
