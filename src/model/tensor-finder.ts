import { weightFormats } from '../kernels/formats'
import { packingOf } from '../kernels/packing'
import { groupWeights } from '../kernels/weights/format'
import type { FloatWeights } from '../util/float-weights'
import type { ModelHeader, TensorInfo } from '../util/model-file'
import { OctavoError } from '../util/octavo-error'
import type { ChangeValues, Constants } from './constants'
import type { BiasRule, NormDescription, Projection } from './description'
import { floatStorage, floatTypes, type MatrixRole, type Storage, transposedStorage } from './float-matrix'
import type { MatrixPart, MatrixSource } from './matrix-source'
import type { FoundMatrix, Quantization, TensorLookup } from './quantized/scheme'

/** A norm whose small tensors have their places among a layer's constants. */
export interface NormTensors extends Pick<NormDescription, 'kind' | 'epsilon'> {
  readonly weightAt: number
  /** null: no bias. */
  readonly biasAt: number | null
  /** Elements of a row. */
  readonly width: number
}

/** A part of each expert's matrix, such as its gate. */
export interface ExpertHalf {
  /** Of one tensor [experts, rows, columns], or that of each expert's. */
  readonly stem: string | ((expert: number) => string)
  /** Of one expert. */
  readonly rows: number
  /** One tensor [experts, columns, rows]. */
  readonly transposed?: boolean
}

/** For weights that a file has less one. */
export const addOne: ChangeValues = (values) => values.map((value) => value + 1)

/** Old checkpoints hold what RoPE turns by, which follows from the config. */
const rotationBuffer = /\.rotary_emb\.inv_freq$/

/** Looks tensors up by name and shape, and knows which were never asked for. */
export class TensorFinder implements TensorLookup {
  readonly #tensors: ReadonlyMap<string, TensorInfo>
  readonly #used = new Set<string>()
  /** All that were asked for. */
  readonly matrices: MatrixSource[] = []

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

  /** One value, whatever its shape. */
  scalar(name: string): TensorInfo {
    const { dims } = this.any(name)
    return dims.length === 0 ? this.any(name) : this.vector(name, 1)
  }

  vector(name: string, length: number): TensorInfo {
    return this.table(name, [length])
  }

  /** A small tensor of floats, of that shape, outermost dimension first. */
  table(name: string, shape: readonly number[]): TensorInfo {
    const tensor = this.#shaped(name, [...shape].reverse())
    if (!floatTypes.has(tensor.type)) {
      throw new OctavoError(
        'unsupported-tensor-type',
        `The tensor '${name}' has type ${tensor.type}; a float type is expected here.`,
        'Choose another conversion of the model.',
      )
    }
    return tensor
  }

  norm(norm: NormDescription, width: number, constants: Constants): NormTensors
  norm(norm: NormDescription | null, width: number, constants: Constants): NormTensors | null
  norm(norm: NormDescription | null, width: number, constants: Constants): NormTensors | null {
    if (norm === null) return null
    const { kind, epsilon, stem, bias, plusOne } = norm
    const weight = this.vector(`${stem}.weight`, width)
    const weightAt = constants.add(weight, width, plusOne ? addOne : null)
    const biasAt = this.#hasBias(stem, bias) ? constants.add(this.vector(`${stem}.bias`, width), width) : null
    return { kind, epsilon, weightAt, biasAt, width }
  }

  /** Where the biases of all rows begin, zeros for those that have none; null: no row has one. */
  biases(
    projections: readonly Pick<Projection, 'stem' | 'rows' | 'bias'>[],
    constants: Constants,
  ): number | null {
    if (!projections.some(({ stem, bias }) => this.#hasBias(stem, bias))) return null
    const at = constants.take(projections.reduce((sum, { rows }) => sum + rows, 0))
    let row = 0
    for (const { stem, rows, bias } of projections) {
      if (this.#hasBias(stem, bias)) constants.put(this.vector(`${stem}.bias`, rows), at + row)
      row += rows
    }
    return at
  }

  #hasBias(stem: string, rule: BiasRule): boolean {
    return rule === 'if there' ? this.has(`${stem}.bias`) : rule
  }

  /**
   * One matrix of all rows where those that begin with each stem share a format and may lie together, else one each.
   * `halves`: they are a gate and an up projection, for one product.
   */
  matrix(
    name: string,
    stems: readonly (Omit<Projection, 'bias'> & Partial<Pick<Projection, 'bias'>>)[],
    columns: number,
    role: MatrixRole = 'layer',
    halves = false,
  ): MatrixSource[] {
    const matrices: MatrixSource[] = []
    const found = stems.map(({ stem, rows, bias = false, transposed = false }) => {
      const own =
        this.quantization?.find(stem, rows, columns, this, this.#hasBias(stem, bias)) ??
        this.#plain(stem, rows, columns, role, transposed)
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
      const { format } = group[0]!
      matrices.push({ name, format, parts, notes, columns, rows, ...(halves && together ? { halves } : {}) })
    }
    this.matrices.push(...matrices)
    return matrices
  }

  /**
   * A stack of experts' matrices, the halves of each (gate over up) where their formats agree, else a stack for each half.
   */
  stack(name: string, experts: number, halves: readonly ExpertHalf[], columns: number): MatrixSource[] {
    const found = halves.map((half) => ({ ...half, ...this.#half(half, experts, columns) }))
    const together = found.every(({ format }) => format === found[0]!.format)
    const stacks = (together ? [found] : found.map((half) => [half])).map((group): MatrixSource => {
      const expertRows = group.reduce((sum, { rows }) => sum + rows, 0)
      const parts: MatrixPart[] = []
      let first = 0
      for (const { rows, tensors } of group) {
        const whole = tensors.length === 1 && group.length === 1
        if (whole) for (const part of tensors[0]!) parts.push({ ...part, firstRow: 0, rows: experts * rows })
        for (let e = 0; !whole && e < experts; e++) {
          const at = { firstRow: e * expertRows + first, rows }
          if (tensors.length > 1) for (const part of tensors[e]!) parts.push({ ...part, ...at })
          else for (const part of tensors[0]!) parts.push({ ...part, ...at, tensorRow: e * rows })
        }
        first += rows
      }
      const { format } = group[0]!
      return { name, format, parts, columns, rows: experts * expertRows, expertRows }
    })
    this.matrices.push(...stacks)
    return stacks
  }

  /** The tensors of a half, for each expert those that it is made of; one entry where the experts share them. */
  #half({ stem, rows, transposed = false }: ExpertHalf, experts: number, columns: number) {
    const own = typeof stem === 'string' ? [stem] : Array.from({ length: experts }, (_, e) => stem(e))
    const found = own.map((each): FoundMatrix => {
      const all = (experts / own.length) * rows
      const quantized = this.quantization?.find(each, all, columns, this, false)
      if (quantized) return quantized
      if (own.length === experts) return this.#plain(each, rows, columns, 'layer')
      const shape = transposed ? [rows, columns, experts] : [columns, rows, experts]
      const tensor = this.#shaped(this.has(each) ? each : `${each}.weight`, shape)
      const storage = this.#storageOf(tensor, columns, 'layer')
      const { format, packing } = transposed
        ? transposedStorage(tensor, [columns, rows], this.floatWeights)
        : storage
      return { format, parts: [{ tensor, packing }], notes: [], joins: true }
    })
    const { format } = found[0]!
    if (found.some((each) => each.format !== format || !each.joins)) {
      throw new OctavoError(
        'unsupported-tensor-type',
        `The experts' tensors that begin with '${own[0]}' are not all stored alike, or not so that they can lie together.`,
        'Choose another conversion of the model.',
      )
    }
    return { format, tensors: found.map(({ parts }) => parts) }
  }

  /** A matrix that is one tensor. */
  #plain(stem: string, rows: number, columns: number, role: MatrixRole, transposed = false): FoundMatrix {
    const tensor = this.#shaped(`${stem}.weight`, transposed ? [rows, columns] : [columns, rows])
    const storage = this.#storageOf(tensor, columns, role)
    const { format, packing } = transposed
      ? transposedStorage(tensor, [columns, rows], this.floatWeights)
      : storage
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

  /** @param beside names of tensors that have no part in what the model does */
  refuseUnused(architecture: string, beside: RegExp | null = null): void {
    const unused = [...this.#tensors.keys()].find(
      (name) => !this.#used.has(name) && !beside?.test(name) && !rotationBuffer.test(name),
    )
    if (unused !== undefined) {
      throw new OctavoError(
        'unsupported-architecture',
        `The file has a tensor '${unused}' that Octavo's '${architecture}' does not use; it would be left out of the answer.`,
        'Choose another model of this architecture.',
      )
    }
  }
}
