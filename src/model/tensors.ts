import { weightFormats } from '../kernels/formats'
import { type Packing, packingOf } from '../kernels/packing'
import { groupWeights, type MatrixFormat } from '../kernels/weights/format'
import type { FloatWeights } from '../util/float-weights'
import type { ModelHeader, TensorInfo } from '../util/model-file'
import { OctavoError } from '../util/octavo-error'
import type { ModelConfig } from './config'
import { floatStorage, floatTypes, floatWeightsOf, type MatrixRole, type Storage } from './float-matrix'
import { readQuantization } from './quantized/read-quantization'
import type { FoundMatrix, MatrixNote, Quantization, TensorLookup } from './quantized/scheme'
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
  readonly format: MatrixFormat
  readonly parts: readonly MatrixPart[]
  readonly notes?: readonly MatrixNote[]
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
  const quantization = header.kind === 'safetensors' ? readQuantization(header.texts.config) : null
  const find = new TensorFinder(header, floatWeightsOf(header, floatWeights), quantization)
  const names = tensorNames(header)
  const { hidden, heads, kvHeads, headDim, intermediate } = config
  if (config.layers > header.tensors.length) {
    throw new OctavoError(
      'malformed-file',
      `The file says it has ${config.layers} layers, but holds ${header.tensors.length} tensors: '${names.layerPrefix}${header.tensors.length}' cannot be there.`,
      'Download the file again.',
    )
  }
  const vocab = find.any(`${names.embedding}.weight`).dims[1] ?? 0
  const embedding = find.matrix('embedding', [[names.embedding, vocab]], hidden, 'vocabulary')[0]!
  const layers = Array.from({ length: config.layers }, (_, i): LayerTensors => {
    const name = (part: string) => `${names.layerPrefix}${i}.${part}`
    const qkv: [string, number][] = [
      [name(names.query), heads * headDim],
      [name(names.key), kvHeads * headDim],
      [name(names.value), kvHeads * headDim],
    ]
    const gateUp: [string, number][] = [
      [name(names.gate), intermediate],
      [name(names.up), intermediate],
    ]
    const output: [string, number] = [name(names.attentionOutput), hidden]
    return {
      attentionNorm: find.vector(name(`${names.attentionNorm}.weight`), hidden),
      qkv: find.matrix(`layer ${i} qkv`, qkv, hidden),
      attentionOutput: find.matrix(`layer ${i} output`, [output], heads * headDim)[0]!,
      mlpNorm: find.vector(name(`${names.mlpNorm}.weight`), hidden),
      gateUp: find.matrix(`layer ${i} gate, up`, gateUp, hidden),
      down: find.matrix(`layer ${i} down`, [[name(names.down), hidden]], intermediate)[0]!,
    }
  })
  const outputNorm = find.vector(`${names.outputNorm}.weight`, hidden)
  const output = find.begins(names.output)
    ? find.matrix('output', [[names.output, vocab]], hidden, 'vocabulary')[0]!
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

class TensorFinder implements TensorLookup {
  readonly #tensors: ReadonlyMap<string, TensorInfo>
  readonly #used = new Set<string>()

  constructor(
    readonly header: ModelHeader,
    readonly floatWeights: FloatWeights,
    readonly quantization: Quantization | null,
  ) {
    this.#tensors = new Map(header.tensors.map((tensor) => [tensor.name, tensor]))
  }

  has(name: string): boolean {
    return this.#tensors.has(name)
  }

  /** Whether there is a matrix of that name, whatever its tensors are called. */
  begins(stem: string): boolean {
    return this.header.tensors.some(({ name }) => name.startsWith(`${stem}.`))
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

  /** One matrix of all rows where those that begin with each stem share a format and may lie together, else one each. */
  matrix(
    name: string,
    stems: readonly (readonly [stem: string, rows: number])[],
    columns: number,
    role: MatrixRole = 'layer',
  ): MatrixSource[] {
    const matrices: MatrixSource[] = []
    const found = stems.map(([stem, rows]) => {
      const own = this.quantization?.find(stem, rows, columns, this) ?? this.#plain(stem, rows, columns, role)
      return { ...own, rows }
    })
    const together = found.every(({ format, joins }) => format === found[0]!.format && joins)
    for (const group of together ? [found] : found.map((part) => [part])) {
      let rows = 0
      const parts: MatrixPart[] = []
      for (const part of group) {
        for (const each of part.parts) parts.push({ ...each, firstRow: rows, rows: part.rows })
        rows += part.rows
      }
      const notes = group.flatMap((part) => part.notes)
      matrices.push({ name, format: group[0]!.format, parts, notes, columns, rows })
    }
    return matrices
  }

  /** A matrix that is one tensor. */
  #plain(stem: string, rows: number, columns: number, role: MatrixRole): FoundMatrix {
    const tensor = this.#shaped(`${stem}.weight`, [columns, rows])
    const { format, packing } = this.#storageOf(tensor, columns, role)
    return { format, parts: [{ tensor, packing }], notes: [], joins: true }
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

  typed(name: string, types: readonly string[], shape: readonly number[]): TensorInfo {
    const tensor = this.#shaped(name, [...shape].reverse())
    if (!types.includes(tensor.type)) {
      throw new OctavoError(
        'malformed-file',
        `The tensor '${name}' has type ${tensor.type}, expected ${types.join(' or ')}.`,
        'Download the file again, or choose another conversion of the model.',
      )
    }
    return tensor
  }

  #shaped(name: string, dims: readonly number[]): TensorInfo {
    const tensor = this.any(name)
    const shape = [...tensor.dims]
    while (shape.length > dims.length && shape.at(-1) === 1) shape.pop()
    if (shape.length !== dims.length || shape.some((n, i) => n !== dims[i])) {
      // As the file's format writes it.
      const shown = (lengths: readonly number[]) =>
        (this.header.kind === 'gguf' ? lengths : [...lengths].reverse()).join(', ')
      throw new OctavoError(
        'malformed-file',
        `The tensor '${name}' has shape [${shown(tensor.dims)}], expected [${shown(dims)}].`,
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
