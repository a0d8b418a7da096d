import * as pb from './protobuf.ts'

/** onnx.TensorProto.DataType */
export const dataTypes = { f32: 1, u8: 2, i32: 6, i64: 7 } as const
export type DataType = keyof typeof dataTypes

/** onnx.AttributeProto.AttributeType */
const attributeTypes = { float: 1, int: 2 } as const

/** A whole number, or a float. */
export type Attribute = number | { readonly float: number }

/** A dimension: its length, or the name of one that is not known before the run. */
export type Dim = number | string

export interface Operation {
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attributes?: Readonly<Record<string, Attribute>>
  /** Operators that ONNX itself does not have. */
  readonly domain?: 'com.microsoft'
}

/** An ONNX graph as it is built (onnx.proto3, field numbers as there). */
export class Graph {
  readonly #nodes: pb.Encoded[] = []
  readonly #initializers: pb.Encoded[] = []
  readonly #inputs: pb.Encoded[] = []
  readonly #outputs: pb.Encoded[] = []

  /** Adds an operation; gives the name of its first output. */
  add(op: string, { inputs, outputs, attributes = {}, domain }: Operation): string {
    this.#nodes.push(
      pb.message(
        1,
        ...inputs.map((name) => pb.text(1, name)),
        ...outputs.map((name) => pb.text(2, name)),
        pb.text(3, `${op}_${this.#nodes.length}`),
        pb.text(4, op),
        ...Object.entries(attributes).map(([name, value]) => attribute(name, value)),
        ...(domain ? [pb.text(7, domain)] : []),
      ),
    )
    return outputs[0]!
  }

  /** Adds a constant; gives its name. */
  constant(name: string, type: DataType, dims: readonly number[], values: ArrayBufferView): string {
    const data = new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
    this.#initializers.push(
      pb.message(
        5,
        ...dims.map((dim) => pb.integer(1, dim)),
        pb.integer(2, dataTypes[type]),
        pb.text(8, name),
        pb.bytes(9, data),
      ),
    )
    return name
  }

  input(name: string, type: DataType, dims: readonly Dim[]): void {
    this.#inputs.push(valueInfo(11, name, type, dims))
  }

  output(name: string, type: DataType, dims: readonly Dim[]): void {
    this.#outputs.push(valueInfo(12, name, type, dims))
  }

  /** The model's file. */
  model(): pb.Encoded {
    const operators = (domain: string, version: number) =>
      pb.message(8, pb.text(1, domain), pb.integer(2, version))
    return pb.join(
      pb.integer(1, 10),
      pb.text(2, 'octavo-bench'),
      operators('', 21),
      operators('com.microsoft', 1),
      pb.message(
        7,
        ...this.#nodes,
        pb.text(2, 'decoder'),
        ...this.#initializers,
        ...this.#inputs,
        ...this.#outputs,
      ),
    )
  }
}

function attribute(name: string, value: Attribute): pb.Encoded {
  const filled =
    typeof value === 'number'
      ? [pb.integer(3, value), pb.integer(20, attributeTypes.int)]
      : [pb.float(2, value.float), pb.integer(20, attributeTypes.float)]
  return pb.message(5, pb.text(1, name), ...filled)
}

function valueInfo(field: number, name: string, type: DataType, dims: readonly Dim[]): pb.Encoded {
  const shape = dims.map((dim) =>
    pb.message(1, typeof dim === 'number' ? pb.integer(1, dim) : pb.text(2, dim)),
  )
  const tensor = pb.message(1, pb.integer(1, dataTypes[type]), pb.message(2, ...shape))
  return pb.message(field, pb.text(1, name), pb.message(2, tensor))
}
