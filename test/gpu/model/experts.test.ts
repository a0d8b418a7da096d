import { describe, expect, it } from 'vitest'
import { PlanRecorder } from '../../../src/gpu/pipeline'
import type { Activation } from '../../../src/kernels/activation'
import type { BatchShape } from '../../../src/model/batch'
import { createRoutes, planCombine, planRoutes, type Router } from '../../../src/model/experts'
import { createMatrix, type Matrix } from '../../../src/model/matrix'
import { PlanBuilder } from '../../../src/model/plan'
import { sameGrids } from '../../../src/model/same-grids'
import type { Variants } from '../../../src/model/variants'
import { combineExperts } from '../../reference/combine_experts'
import { expertOutput } from '../../reference/experts'
import { route } from '../../reference/route'
import { isQuick, openTestGpu, readBuffer, testVariants } from '../../support/gpu'
import { expectClose, expectSame } from '../../support/gpu-compare'
import { Random } from '../../support/gpu-random'
import { formatOf, planesOf, randomMatrix, type TestMatrix } from '../../support/gpu-weights'

const gpu = await openTestGpu()

interface Case {
  readonly type: string
  readonly experts: number
  readonly top: number
  readonly activation: Activation
  readonly interleaved: boolean
  /** Buffers that a stack lies in. */
  readonly shards: number
}

const cases: readonly Case[] = [
  { type: 'Q4_1', experts: 8, top: 2, activation: { kind: 'silu' }, interleaved: false, shards: 1 },
  { type: 'F16', experts: 4, top: 1, activation: { kind: 'gelu-tanh' }, interleaved: false, shards: 2 },
  {
    type: 'MXFP4',
    experts: 4,
    top: 4,
    activation: { kind: 'clamped-swiglu', alpha: 1.702, limit: 7 },
    interleaved: true,
    shards: 2,
  },
  { type: 'Q8_0', experts: 64, top: 8, activation: { kind: 'silu' }, interleaved: false, shards: 3 },
]

const [hidden, inner, most] = [64, 32, 40]

/** A stack on the GPU, in about so many buffers; `rows` of each expert's matrix. */
function onGpu(matrix: TestMatrix, rows: number, shards: number): Matrix {
  const { type, columns, raw } = matrix
  const format = formatOf(type)
  const limit = 4 * format.planes(matrix.rows * matrix.groups).words
  const info = { ...gpu.info, maxBindingBytes: shards === 1 ? limit + 16 : limit / shards + 200 }
  const narrow = Object.create(gpu, { info: { value: info } })
  const made = createMatrix(narrow, {
    name: type,
    format,
    parts: [],
    columns,
    rows: matrix.rows,
    expertRows: rows,
  })
  const rowBytes = raw.length / matrix.rows
  for (const { buffer, firstRow, rows: count } of made.shards) {
    const words = planesOf(type, raw.slice(firstRow * rowBytes, (firstRow + count) * rowBytes), columns)
    gpu.device.queue.writeBuffer(buffer, 0, words)
    expect(count % rows).toBe(0)
  }
  expect(made.shards.length > 1).toBe(shards > 1)
  return made
}

class Layer {
  readonly random = new Random(17)
  readonly x = this.random.normals(most * hidden)
  readonly logits: Float32Array<ArrayBuffer>
  readonly gateUp: TestMatrix
  readonly down: TestMatrix
  readonly biases: Float32Array<ArrayBuffer>
  readonly router: Router

  constructor(readonly about: Case) {
    const { type, experts, top } = about
    this.logits = this.random.normals(most * experts, 2)
    this.gateUp = randomMatrix(this.random, type, experts * 2 * inner, hidden)
    this.down = randomMatrix(this.random, type, experts * hidden, inner)
    this.biases = this.random.normals(experts * (2 * inner + hidden))
    this.router = {
      experts,
      top,
      scores: 'softmax',
      correctionAt: null,
      groups: null,
      renormalizeEps: 0,
      scale: 1,
    }
  }

  /** y [tokens, hidden] of the tokens from `first` on. */
  async run(variants: Variants, first: number, tokens: number): Promise<Float32Array<ArrayBuffer>> {
    const { experts, activation, interleaved, shards } = this.about
    const words = (label: string, count: number) => gpu.storage(label, 4 * count)
    const filled = (label: string, values: Float32Array<ArrayBuffer>) => {
      const buffer = words(label, values.length)
      gpu.device.queue.writeBuffer(buffer, 0, values)
      return buffer
    }
    const slice = (values: Float32Array<ArrayBuffer>, width: number) =>
      values.slice(first * width, (first + tokens) * width)
    const gateUp = onGpu(this.gateUp, 2 * inner, shards)
    const down = onGpu(this.down, hidden, shards)
    const constants = filled('constants', this.biases)
    const x = filled('x', slice(this.x, hidden))
    const y = words('y', tokens * hidden)
    const activated = words('activated', tokens * this.about.top * inner)
    const parts = words('parts', tokens * this.about.top * hidden)
    const plan = new PlanBuilder(gpu, variants, 'on')
    const routes = createRoutes(this.router, most, words)
    const count = (batch: BatchShape) => batch.tokens
    const logits = filled('logits', slice(this.logits, experts))
    planRoutes(plan, this.router, { logits, constants, routes, tokens: count })
    plan.multiplyExperts(gateUp, {
      x,
      y: activated,
      yStride: inner,
      routes,
      xRows: 'tokens',
      gated: interleaved ? 'interleaved' : true,
      activation,
      constants,
      biasAt: 0,
      tokens: count,
    })
    plan.multiplyExperts(down, {
      x: activated,
      y: parts,
      yStride: hidden,
      routes,
      xRows: 'entries',
      constants,
      biasAt: experts * 2 * inner,
      tokens: count,
    })
    planCombine(plan, {
      parts,
      partsStride: hidden,
      routes,
      y,
      yStride: hidden,
      width: hidden,
      residual: false,
      tokens: count,
    })
    const built = await plan.build()
    const encoder = gpu.device.createCommandEncoder()
    const none = { tiles: 0, tokens: 0, maxContext: 0, contextTokens: 0 }
    new PlanRecorder(built, sameGrids).record(encoder, {
      tokens,
      sequences: 0,
      logitRows: 0,
      sampleRows: 0,
      adjusts: false,
      wantsLogprobs: false,
      decode: none,
      chunks: 0,
      prefill: none,
    })
    gpu.device.queue.submit([encoder.finish()])
    return new Float32Array(await readBuffer(gpu, y, 4 * tokens * hidden))
  }

  /** y of one token in doubles. */
  expected(token: number): Float64Array {
    const { experts, top, activation, interleaved } = this.about
    const row = (values: Float32Array, width: number) => values.subarray(token * width, (token + 1) * width)
    const chosen = route(Array.from(row(this.logits, experts)), { top, eps: 0 })
    const at = experts * 2 * inner
    const gateUp = { ...this.gateUp, biases: this.biases.subarray(0, at) }
    const down = { ...this.down, biases: this.biases.subarray(at) }
    const parts = chosen.experts.map((expert) =>
      expertOutput(gateUp, down, activation, interleaved, [experts, expert], row(this.x, hidden)),
    )
    return combineExperts(parts, chosen.shares)
  }
}

describe.each(cases)('a mixture of $experts experts in $type, $top a token, in $shards buffers', (about) => {
  it.each(testVariants(gpu).map((variants) => [variants.name, variants] as const))(
    'gives each token what its experts give, with the same bits whatever other tokens there are: %s',
    async (name, variants) => {
      const layer = new Layer(about)
      const all = await layer.run(variants, 0, most)
      const expected = new Float64Array(most * hidden)
      for (let t = 0; t < most; t++) expected.set(layer.expected(t), t * hidden)
      const size = Math.sqrt(expected.reduce((sum, value) => sum + value * value, 0) / expected.length)
      expectClose(`${name} × ${most}`, all, expected, () => 2e-5 * size)
      for (const [first, tokens] of isQuick(gpu)
        ? ([
            [3, 1],
            [5, 2],
            [30, 7],
          ] as const)
        : ([
            [3, 1],
            [30, 7],
          ] as const)) {
        const own = all.subarray(first * hidden, (first + tokens) * hidden)
        expectSame(`${name} tokens ${first} + ${tokens}`, await layer.run(variants, first, tokens), own)
      }
    },
  )
})
