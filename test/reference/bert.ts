/** A matrix [rows, columns], as a Linear of transformers has it. */
export interface Linear {
  readonly rows: number
  readonly columns: number
  readonly values: Float32Array
}

/** A BERT encoder by the names of transformers' tensors. */
export interface BertModel {
  readonly layers: number
  readonly heads: number
  readonly epsilon: number
  matrix(name: string): Linear
  vector(name: string): Float32Array
}

/** X Wᵀ, in doubles: `inputs` is [tokens, columns]. */
export function product(inputs: Float64Array, { rows, columns, values }: Linear): Float64Array {
  const tokens = inputs.length / columns
  const y = new Float64Array(tokens * rows)
  for (let t = 0; t < tokens; t++) {
    for (let r = 0; r < rows; r++) {
      let sum = 0
      for (let c = 0; c < columns; c++) sum += inputs[t * columns + c]! * values[r * columns + c]!
      y[t * rows + r] = sum
    }
  }
  return y
}

/**
 * The mean of the last hidden states over all tokens, scaled to length 1, as sentence-transformers pools them.
 * `visit` sees each matrix product's input.
 *
 * Devlin et al., BERT, 2018: post-norm residual blocks, GELU by the error function, learned positions.
 */
export function bertEmbedding(
  model: BertModel,
  ids: readonly number[],
  visit: (name: string, inputs: Float64Array) => void = () => undefined,
): Float64Array {
  const linear = (name: string, inputs: Float64Array): Float64Array => {
    visit(`${name}.weight`, inputs)
    const bias = model.vector(`${name}.bias`)
    return product(inputs, model.matrix(`${name}.weight`)).map((value, i) => value + bias[i % bias.length]!)
  }
  const norm = (name: string, x: Float64Array) =>
    layerNorm(x, model.vector(`${name}.weight`), model.vector(`${name}.bias`), model.epsilon)
  const words = model.matrix('embeddings.word_embeddings.weight')
  const positions = model.vector('embeddings.position_embeddings.weight')
  const types = model.vector('embeddings.token_type_embeddings.weight')
  const { columns: hidden } = words
  const embedded = Float64Array.from({ length: ids.length * hidden }, (_, i) => {
    const [t, c] = [Math.floor(i / hidden), i % hidden]
    return words.values[ids[t]! * hidden + c]! + positions[i]! + types[c]!
  })
  let x = norm('embeddings.LayerNorm', embedded)
  for (let l = 0; l < model.layers; l++) {
    const name = `encoder.layer.${l}`
    const [q, k, v] = ['query', 'key', 'value'].map((part) => linear(`${name}.attention.self.${part}`, x))
    const mixed = linear(`${name}.attention.output.dense`, attention(q!, k!, v!, ids.length, model.heads))
    x = norm(
      `${name}.attention.output.LayerNorm`,
      mixed.map((value, i) => value + x[i]!),
    )
    const wide = linear(`${name}.intermediate.dense`, x).map(gelu)
    const narrow = linear(`${name}.output.dense`, wide)
    x = norm(
      `${name}.output.LayerNorm`,
      narrow.map((value, i) => value + x[i]!),
    )
  }
  const mean = new Float64Array(hidden)
  x.forEach((value, i) => {
    mean[i % hidden]! += value / ids.length
  })
  const length = Math.hypot(...mean)
  return mean.map((value) => value / length)
}

function layerNorm(x: Float64Array, weight: Float32Array, bias: Float32Array, epsilon: number): Float64Array {
  const width = weight.length
  const y = new Float64Array(x.length)
  for (let from = 0; from < x.length; from += width) {
    const row = x.subarray(from, from + width)
    const mean = row.reduce((sum, value) => sum + value, 0) / width
    const variance = row.reduce((sum, value) => sum + (value - mean) ** 2, 0) / width
    row.forEach((value, c) => {
      y[from + c] = ((value - mean) / Math.sqrt(variance + epsilon)) * weight[c]! + bias[c]!
    })
  }
  return y
}

function attention(
  q: Float64Array,
  k: Float64Array,
  v: Float64Array,
  tokens: number,
  heads: number,
): Float64Array {
  const hidden = q.length / tokens
  const headDim = hidden / heads
  const y = new Float64Array(q.length)
  for (let h = 0; h < heads; h++) {
    for (let t = 0; t < tokens; t++) {
      const at = (token: number) => token * hidden + h * headDim
      const scores = Array.from({ length: tokens }, (_, s) => {
        let sum = 0
        for (let d = 0; d < headDim; d++) sum += q[at(t) + d]! * k[at(s) + d]!
        return sum / Math.sqrt(headDim)
      })
      const greatest = Math.max(...scores)
      const shares = scores.map((score) => Math.exp(score - greatest))
      const total = shares.reduce((sum, share) => sum + share, 0)
      shares.forEach((share, s) => {
        for (let d = 0; d < headDim; d++) y[at(t) + d]! += (share / total) * v[at(s) + d]!
      })
    }
  }
  return y
}

function gelu(x: number): number {
  return 0.5 * x * (1 + erf(x / Math.SQRT2))
}

/** Its Maclaurin series where that converges well, else 1 up to less than 10⁻¹⁵. */
function erf(x: number): number {
  if (Math.abs(x) > 5.8) return Math.sign(x)
  let term = x
  let sum = x
  for (let n = 1; Math.abs(term) > 1e-17 && n < 200; n++) {
    term *= (-x * x) / n
    sum += term / (2 * n + 1)
  }
  return (2 / Math.sqrt(Math.PI)) * sum
}
