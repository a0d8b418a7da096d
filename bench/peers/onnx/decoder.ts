import { randomNumbers } from '../../../test/support/tiny-model-tensors.ts'
import { contextTokens, type PeerShape } from '../shapes.ts'
import { Graph } from './graph.ts'
import type { Encoded } from './protobuf.ts'

/** Weights that share a scale. */
const blockWeights = 32
/** A standard deviation at which a llama of random weights neither dies out nor overflows. */
const deviation = 0.04
/** Level 4 lets the runtime round activations to 8 bits: what it is fastest with. */
const accuracyLevel = 4

/**
 * A llama of random weights as an ONNX file, as exporters write them: 4-bit matrices (`MatMulNBits`, blocks of 32,
 * f32 scales), `GroupQueryAttention` with the rotation in it, the logits of the last token only. The embedding is
 * f32, and the output a 4-bit matrix of its own, as in exports of models that tie the two.
 */
export function onnxDecoder(shape: PeerShape, seed = 1): Encoded {
  const graph = new Graph()
  const random = randomNumbers(seed)
  const positions = cachePositions(graph)
  rotationTables(graph, shape)
  graph.input('input_ids', 'i64', ['batch_size', 'sequence_length'])
  graph.input('attention_mask', 'i64', ['batch_size', 'total_sequence_length'])

  const embedding = new Float32Array(shape.vocab * shape.hidden)
  for (let i = 0; i < embedding.length; i++) embedding[i] = Math.sqrt(12) * deviation * (random() - 0.5)
  graph.constant('embedding', 'f32', [shape.vocab, shape.hidden], embedding)
  let residual = graph.add('Gather', {
    inputs: ['embedding', 'input_ids'],
    outputs: ['embedded'],
    attributes: { axis: 0 },
  })
  const product = (input: string, name: string, rows: number, columns: number) =>
    fourBitProduct(graph, random, { input, name, rows, columns })
  let normed = graph.add('SimplifiedLayerNormalization', {
    inputs: [residual, onesFor(graph, 'norm0', shape.hidden)],
    outputs: ['normed0'],
    attributes: { axis: -1, epsilon: { float: shape.normEpsilon }, stash_type: 1 },
  })
  /** Adds to the residual stream and normalizes, in one operation; gives what is normalized. */
  const addAndNorm = (name: string, addend: string) => {
    const sum = `${name}.sum`
    const outputs = [`${name}.normed`, '', '', sum]
    graph.add('SkipSimplifiedLayerNormalization', {
      inputs: [residual, addend, onesFor(graph, name, shape.hidden)],
      outputs,
      attributes: { epsilon: { float: shape.normEpsilon } },
      domain: 'com.microsoft',
    })
    residual = sum
    return outputs[0]!
  }
  const width = shape.heads * shape.headDim
  const kvWidth = shape.kvHeads * shape.headDim
  for (let i = 0; i < shape.layers; i++) {
    const at = (name: string) => `layer${i}.${name}`
    const q = product(normed, at('q'), width, shape.hidden)
    const k = product(normed, at('k'), kvWidth, shape.hidden)
    const v = product(normed, at('v'), kvWidth, shape.hidden)
    const attended = attention(graph, shape, i, [q, k, v, ...positions])
    normed = addAndNorm(at('norm1'), product(attended, at('o'), shape.hidden, width))
    const gate = product(normed, at('gate'), shape.intermediate, shape.hidden)
    const up = product(normed, at('up'), shape.intermediate, shape.hidden)
    const sigmoid = graph.add('Sigmoid', { inputs: [gate], outputs: [at('sigmoid')] })
    const silu = graph.add('Mul', { inputs: [gate, sigmoid], outputs: [at('silu')] })
    const activated = graph.add('Mul', { inputs: [silu, up], outputs: [at('activated')] })
    normed = addAndNorm(at('norm2'), product(activated, at('down'), shape.hidden, shape.intermediate))
  }
  const last = lastToken(graph, normed)
  fourBitProduct(graph, random, {
    input: last,
    name: 'output',
    rows: shape.vocab,
    columns: shape.hidden,
    result: 'logits',
  })
  graph.output('logits', 'f32', ['batch_size', 1, shape.vocab])
  return graph.model()
}

/** The mask says how many tokens there are; attention wants the number, and the last one's index. */
function cachePositions(graph: Graph): readonly string[] {
  graph.constant('one', 'i64', [], BigInt64Array.of(1n))
  graph.constant('axis1', 'i64', [1], BigInt64Array.of(1n))
  graph.add('ReduceSum', {
    inputs: ['attention_mask', 'axis1'],
    outputs: ['tokens'],
    attributes: { keepdims: 0 },
  })
  graph.add('Sub', { inputs: ['tokens', 'one'], outputs: ['last64'] })
  const toInt = { to: 6 }
  const last = graph.add('Cast', { inputs: ['last64'], outputs: ['last'], attributes: toInt })
  graph.add('Shape', { inputs: ['attention_mask'], outputs: ['mask_shape'] })
  graph.add('Gather', { inputs: ['mask_shape', 'one'], outputs: ['total64'], attributes: { axis: 0 } })
  const total = graph.add('Cast', { inputs: ['total64'], outputs: ['total'], attributes: toInt })
  return [last, total, 'cosines', 'sines']
}

function rotationTables(graph: Graph, { headDim, ropeBase }: PeerShape): void {
  const half = headDim / 2
  const dims = [contextTokens, half]
  const angles = Float32Array.from(
    { length: contextTokens * half },
    (_, i) => Math.floor(i / half) * ropeBase ** ((-2 * (i % half)) / headDim),
  )
  graph.constant('cosines', 'f32', dims, angles.map(Math.cos))
  graph.constant('sines', 'f32', dims, angles.map(Math.sin))
}

function attention(graph: Graph, shape: PeerShape, layer: number, inputs: readonly string[]): string {
  const [q, k, v, ...positions] = inputs
  const kinds = ['key', 'value'] as const
  for (const kind of kinds) {
    const dims = (tokens: string) => ['batch_size', shape.kvHeads, tokens, shape.headDim]
    graph.input(`past_key_values.${layer}.${kind}`, 'f32', dims('past_sequence_length'))
    graph.output(`present.${layer}.${kind}`, 'f32', dims('total_sequence_length'))
  }
  return graph.add('GroupQueryAttention', {
    inputs: [q!, k!, v!, ...kinds.map((kind) => `past_key_values.${layer}.${kind}`), ...positions],
    outputs: [`layer${layer}.attended`, ...kinds.map((kind) => `present.${layer}.${kind}`)],
    attributes: {
      num_heads: shape.heads,
      kv_num_heads: shape.kvHeads,
      scale: { float: 1 / Math.sqrt(shape.headDim) },
      do_rotary: 1,
      rotary_interleaved: 0,
      local_window_size: -1,
    },
    domain: 'com.microsoft',
  })
}

function lastToken(graph: Graph, input: string): string {
  graph.constant('from', 'i64', [1], BigInt64Array.of(-1n))
  graph.constant('to', 'i64', [1], BigInt64Array.of(2n ** 63n - 1n))
  return graph.add('Slice', { inputs: [input, 'from', 'to', 'axis1'], outputs: ['last_row'] })
}

function onesFor(graph: Graph, name: string, length: number): string {
  return graph.constant(`${name}.weight`, 'f32', [length], new Float32Array(length).fill(1))
}

interface Product {
  readonly input: string
  readonly name: string
  readonly rows: number
  readonly columns: number
  /** What the output is called, where not after the product. */
  readonly result?: string
}

/** A product with a random matrix of codes less 8 times their block's scale. */
function fourBitProduct(
  graph: Graph,
  random: () => number,
  { input, name, rows, columns, result = `${name}.y` }: Product,
): string {
  const blocks = columns / blockWeights
  const codes = new Uint8Array((rows * columns) / 2).map(() => 256 * random())
  // The deviation of uniform codes is 4.61.
  const scales = new Float32Array(rows * blocks).map(() => (deviation / 4.61) * (0.8 + 0.4 * random()))
  graph.constant(`${name}.codes`, 'u8', [rows, blocks, blockWeights / 2], codes)
  graph.constant(`${name}.scales`, 'f32', [rows * blocks], scales)
  return graph.add('MatMulNBits', {
    inputs: [input, `${name}.codes`, `${name}.scales`],
    outputs: [result],
    attributes: { K: columns, N: rows, bits: 4, block_size: blockWeights, accuracy_level: accuracyLevel },
    domain: 'com.microsoft',
  })
}
