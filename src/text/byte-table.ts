/** The byte that a character of a byte-level token stands for, by code point: GPT-2's table. */
const BYTE_OF: ReadonlyMap<number, number> = new Map(
  Array.from({ length: 256 }, (_, byte) => byte).reduce<[number, number][]>((table, byte) => {
    const printable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae
    const moved = table.filter(([code]) => code >= 256).length
    table.push([printable ? byte : 256 + moved, byte])
    return table
  }, []),
)

const CHARACTERS: readonly string[] = [...BYTE_OF.keys()].map((code) => String.fromCharCode(code))

const encoder = new TextEncoder()

/** A text with each of its bytes as the character that byte-level tokens have for it. */
export function byteLevelText(text: string): string {
  if (/^[!-~]*$/.test(text)) return text
  let spelled = ''
  for (const byte of encoder.encode(text)) spelled += CHARACTERS[byte]
  return spelled
}

/** The bytes of a byte-level token; one with characters outside the table stands for its own text. */
export function byteLevelBytes(token: string): Uint8Array {
  const bytes = new Uint8Array(token.length)
  for (let i = 0; i < token.length; i++) {
    const byte = BYTE_OF.get(token.charCodeAt(i))
    if (byte === undefined) return encoder.encode(token)
    bytes[i] = byte
  }
  return bytes
}

/** The byte of a byte token such as `<0x0A>`; NaN for another text. */
export function byteOfPiece(piece: string): number {
  return /^<0x[0-9A-Fa-f]{2}>$/.test(piece) ? Number.parseInt(piece.slice(3, 5), 16) : Number.NaN
}

/** The ids that spell a text in byte tokens; null where one of them is lacking. */
export function fallbackIds(
  text: string,
  byteIds: readonly (number | undefined)[],
): readonly number[] | null {
  const ids: number[] = []
  for (const byte of encoder.encode(text)) {
    const id = byteIds[byte]
    if (id === undefined) return null
    ids.push(id)
  }
  return ids
}
