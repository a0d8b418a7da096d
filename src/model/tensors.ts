import { weightFormats } from '../kernels/formats'
import { type Packing, packingOf } from '../kernels/packing'
import { groupWeights, type WeightFormat } from '../kernels/weights/format'
import type { FloatWeights } from '../util/float-weights'
import type { ModelHeader, TensorInfo } from '../util/model-file'
import { OctavoError } from '../util/octavo-error'
import type { ModelConfig } from './config'
import { floatStorage, floatTypes, floatWeightsOf, type MatrixRole, type Storage } from './float-matrix'
import { tensorNames } from './tensor-names'

/** A tensor that goes into a matrix: all planes of some of its rows, or one plane of them beside other tensors. */
export interface MatrixPart {
  readonly tensor: TensorInfo
  /** Rows of the matrix that it fills. */
  readonly firstRow: number
  readonly rows: number
  readonly packing: Packing
}

/** Rows of one matrix that lie together on the GPU in one format, by the tensors they come from. */
export interface MatrixSource {
  readonly name: string
  readonly format: WeightFormat
  readonly parts: readonly MatrixPart[]
  readonly columns: number
  readonly rows: number
}

/** The tensors of one layer, as the forward pass groups them. */
export interface LayerTensors {
  readonly attentionNorm: TensorInfo
  /** Q, K and V, concatenated where their types agree. */
  readonly qkv: readonly MatrixSource[]
  readonly attentionOutput: MatrixSource
  readonly mlpNorm: TensorInfo
  /** Gate over up where their types agree, else two. */
  readonly gateUp: readonly MatrixSource[]
  readonly down: MatrixSource
}

export interface ModelTensors {
  readonly embedding: MatrixSource
  readonly layers: readonly LayerTensors[]
  readonly outputNorm: TensorInfo
  /** The embedding itself where the file has no output matrix. */
  readonly output: MatrixSource
  /** Divisors of RoPE's frequencies, one for each pair. */
  readonly ropeFactors: TensorInfo | null
  readonly vocab: number
}

/**
 * Finds every tensor that the architecture has, with the shape it must have. A tensor that the forward pass would
 * leave out is refused: a model that runs without its biases answers nonsense. `floatWeights`: what is done with the
 * floats of a safetensors model; null: what suits the repo.
 *
 * @throws OctavoError 'malformed-file', 'unsupported-tensor-type', 'unsupported-architecture'
 */
export function findTensors(
  header: ModelHeader,
  config: ModelConfig,
  floatWeights: FloatWeights | null,
): ModelTensors {
  const find = new TensorFinder(header, floatWeightsOf(header, floatWeights))
  const names = tensorNames(header)
  const { hidden, heads, kvHeads, headDim, intermediate } = config
  if (config.layers > header.tensors.length) {
    throw new OctavoError(
      'malformed-file',
      `The file says it has ${config.layers} layers, but holds ${header.tensors.length} tensors: '${names.layerPrefix}${header.tensors.length}' cannot be there.`,
      'Download the file again.',
    )
  }
  const embeddingName = `${names.embedding}.weight`
  const vocab = find.any(embeddingName).dims[1] ?? 0
  const embedding = find.matrix('embedding', [[embeddingName, vocab]], hidden, 'vocabulary')[0]!
  const layers = Array.from({ length: config.layers }, (_, i): LayerTensors => {
    const name = (part: string) => `${names.layerPrefix}${i}.${part}`
    const qkv: [string, number][] = [
      [name(`${names.query}.weight`), heads * headDim],
      [name(`${names.key}.weight`), kvHeads * headDim],
      [name(`${names.value}.weight`), kvHeads * headDim],
    ]
    const gateUp: [string, number][] = [
      [name(`${names.gate}.weight`), intermediate],
      [name(`${names.up}.weight`), intermediate],
    ]
    const output: [string, number] = [name(`${names.attentionOutput}.weight`), hidden]
    return {
      attentionNorm: find.vector(name(`${names.attentionNorm}.weight`), hidden),
      qkv: find.matrix(`layer ${i} qkv`, qkv, hidden),
      attentionOutput: find.matrix(`layer ${i} output`, [output], heads * headDim)[0]!,
      mlpNorm: find.vector(name(`${names.mlpNorm}.weight`), hidden),
      gateUp: find.matrix(`layer ${i} gate, up`, gateUp, hidden),
      down: find.matrix(`layer ${i} down`, [[name(`${names.down}.weight`), hidden]], intermediate)[0]!,
    }
  })
  const outputNorm = find.vector(`${names.outputNorm}.weight`, hidden)
  const outputName = `${names.output}.weight`
  const output = find.has(outputName)
    ? find.matrix('output', [[outputName, vocab]], hidden, 'vocabulary')[0]!
    : embedding
  const factorsName = `${names.ropeFactors}.weight`
  const ropeFactors = find.has(factorsName) ? find.vector(factorsName, config.ropeDim / 2) : null
  find.refuseUnused(config.architecture)
  return { embedding, layers, outputNorm, output, ropeFactors, vocab }
}

/** Rows of the token embedding: ids are below it. Null where there is no such tensor. */
export function embeddingRows(header: ModelHeader): number | null {
  const name = `${tensorNames(header).embedding}.weight`
  return header.tensors.find((tensor) => tensor.name === name)?.dims[1] ?? null
}

class TensorFinder {
  readonly #tensors: ReadonlyMap<string, TensorInfo>
  readonly #used = new Set<string>()

  constructor(
    header: ModelHeader,
    readonly floatWeights: FloatWeights,
  ) {
    this.#tensors = new Map(header.tensors.map((tensor) => [tensor.name, tensor]))
  }

  has(name: string): boolean {
    return this.#tensors.has(name)
  }

  any(name: string): TensorInfo {
    const tensor = this.#tensors.get(name)
    if (!tensor) {
      throw new OctavoError(
        'malformed-file',
        `The tensor '${name}' is missing.`,
        'Download the file again, or choose another conversion of the model.',
      )
    }
    this.#used.add(name)
    return tensor
  }

  vector(name: string, length: number): TensorInfo {
    const tensor = this.#shaped(name, [length])
    if (!floatTypes.has(tensor.type)) {
      throw new OctavoError(
        'unsupported-tensor-type',
        `The tensor '${name}' has type ${tensor.type}; a float type is expected here.`,
        'Choose another conversion of the model.',
      )
    }
    return tensor
  }

  /** One matrix of all the tensors' rows where they share a type, else one for each run of tensors that do. */
  matrix(
    name: string,
    parts: readonly (readonly [name: string, rows: number])[],
    columns: number,
    role: MatrixRole = 'layer',
  ): MatrixSource[] {
    const matrices: MatrixSource[] = []
    const found = parts.map(([part, rows]) => {
      const tensor = this.#shaped(part, [columns, rows])
      return { tensor, rows, ...this.#storageOf(tensor, columns, role) }
    })
    const oneFormat = found.every(({ format }) => format === found[0]!.format)
    for (const group of oneFormat ? [found] : found.map((part) => [part])) {
      const { format } = group[0]!
      let rows = 0
      const own: MatrixPart[] = []
      for (const part of group) {
        own.push({ tensor: part.tensor, firstRow: rows, rows: part.rows, packing: part.packing })
        rows += part.rows
      }
      matrices.push({ name, format, parts: own, columns, rows })
    }
    return matrices
  }

  #storageOf(tensor: TensorInfo, columns: number, role: MatrixRole): Storage {
    const format = weightFormats.get(tensor.type)
    if (!format) {
      const known = [...weightFormats.keys()].join(', ')
      throw new OctavoError(
        'unsupported-tensor-type',
        `The tensor '${tensor.name}' has type ${tensor.type}, which is not supported.`,
        `Choose a file whose tensors have these types: ${known}.`,
      )
    }
    const unit = Math.max(4, Math.min(format.unitWeights, groupWeights))
    if (columns % unit !== 0) {
      throw new OctavoError(
        'unsupported-tensor-type',
        `The tensor '${tensor.name}' has rows of ${columns} weights; as ${format.name} they must be a multiple of ${unit}.`,
        'Choose another model.',
      )
    }
    if (floatTypes.has(tensor.type)) return floatStorage(tensor.type, columns, role, this.floatWeights)
    return { format, packing: packingOf(format) }
  }

  #shaped(name: string, dims: readonly number[]): TensorInfo {
    const tensor = this.any(name)
    const shape = [...tensor.dims]
    while (shape.length > dims.length && shape.at(-1) === 1) shape.pop()
    if (shape.length !== dims.length || shape.some((n, i) => n !== dims[i])) {
      throw new OctavoError(
        'malformed-file',
        `The tensor '${name}' has shape [${tensor.dims.join(', ')}], expected [${dims.join(', ')}].`,
        'Download the file again, or choose another conversion of the model.',
      )
    }
    return tensor
  }

  refuseUnused(architecture: string): void {
    const unused = [...this.#tensors.keys()].find((name) => !this.#used.has(name))
    if (unused !== undefined) {
      throw new OctavoError(
        'unsupported-architecture',
        `The file has a tensor '${unused}' that Octavo's '${architecture}' does not use; it would be left out of the answer.`,
        'Choose another model of this architecture.',
      )
    }
  }
}
