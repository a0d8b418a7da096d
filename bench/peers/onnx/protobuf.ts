/** An encoded piece of a Protocol Buffers message: bytes in parts, so that weights are never copied. */
export interface Encoded {
  readonly parts: readonly Uint8Array[]
  readonly bytes: number
}

const varintType = 0
const bytesType = 2
const floatType = 5

export function join(...all: readonly Encoded[]): Encoded {
  return {
    parts: all.flatMap(({ parts }) => parts),
    bytes: all.reduce((sum, { bytes }) => sum + bytes, 0),
  }
}

/** A number of a field, seven bits a byte, the lowest first; negative ones in two's complement of 64 bits. */
export function integer(field: number, value: number | bigint): Encoded {
  return join(key(field, varintType), varint(value))
}

export function float(field: number, value: number): Encoded {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setFloat32(0, value, true)
  return join(key(field, floatType), raw(bytes))
}

export function text(field: number, value: string): Encoded {
  return bytes(field, new TextEncoder().encode(value))
}

export function bytes(field: number, value: Uint8Array): Encoded {
  return message(field, raw(value))
}

/** A message of a field, of its own fields. */
export function message(field: number, ...fields: readonly Encoded[]): Encoded {
  const whole = join(...fields)
  return join(key(field, bytesType), varint(whole.bytes), whole)
}

function key(field: number, type: number): Encoded {
  return varint((field << 3) | type)
}

function varint(value: number | bigint): Encoded {
  const out: number[] = []
  let rest = BigInt.asUintN(64, BigInt(value))
  do {
    const low = Number(rest & 0x7fn)
    rest >>= 7n
    out.push(rest > 0n ? low | 0x80 : low)
  } while (rest > 0n)
  return raw(Uint8Array.from(out))
}

function raw(value: Uint8Array): Encoded {
  return { parts: [value], bytes: value.length }
}
