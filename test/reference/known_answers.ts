import { weightFormats } from '../../src/kernels/formats'
import { attentionRows, attentionTokens, period } from '../../src/model/proof/attention-inputs'
import { knownElements, normRows, normShape } from '../../src/model/proof/norm-inputs'
import {
  embeddedElements,
  embeddedRows,
  knownRows,
  productActivations,
  productBytes,
  productShape,
} from '../../src/model/proof/product-inputs'
import { attention } from './attention_prefill'
import { dequantize } from './dequantize'
import { matvec } from './matvec'
import { norm } from './norm'

const cap = 2

/** What kernels must make of the inputs in src/model/proof, by the twins. */
export function knownAnswers() {
  return {
    products: Object.fromEntries([...weightFormats.keys()].map((type) => [type, product(type)])),
    embedded: Object.fromEntries([...weightFormats.keys()].map((type) => [type, embedded(type)])),
    attention: {
      plain: heads({}),
      capped: heads({ capped: true }),
      normed: heads({ normed: true }),
      'normed capped': heads({ normed: true, capped: true }),
      'of normed values': heads({ valuesNormed: true }),
      'capped of normed values': heads({ capped: true, valuesNormed: true }),
      'normed of normed values': heads({ normed: true, valuesNormed: true }),
      'normed capped of normed values': heads({ normed: true, capped: true, valuesNormed: true }),
    },
    norms: { plain: normed(false), centered: normed(true) },
  }
}

/** The sums of the known rows for the last token. */
function product(type: string): number[] {
  const { rows, columns, tokens } = productShape
  const weights = dequantize(type, productBytes(weightFormats.get(type)!))
  const x = productActivations().subarray((tokens - 1) * columns)
  const { y } = matvec(weights, rows, x)
  return knownRows.map((row) => rounded(y[row]!))
}

/** The known elements of the rows that are looked up. */
function embedded(type: string): number[] {
  const { values } = dequantize(type, productBytes(weightFormats.get(type)!))
  const { columns } = productShape
  return embeddedRows.flatMap((row) => embeddedElements.map((i) => rounded(values[row * columns + i]!)))
}

/** The last token's attention over all keys for a query and its negative: [2, period]. */
function heads(form: {
  readonly capped?: boolean
  readonly normed?: boolean
  readonly valuesNormed?: boolean
}): number[][] {
  const [queries, keys, values] = (['query', 'key', 'value'] as const).map((kind) => {
    const rows = attentionRows(kind)
    return Array.from({ length: attentionTokens }, (_, token) => {
      const row = rows.subarray(token * period, (token + 1) * period)
      return (kind === 'value' ? form.valuesNormed : form.normed) ? norm(row, 0, {}) : row
    })
  })
  const score = form.capped ? (dot: number) => cap * Math.tanh(dot / cap) : undefined
  return [1, -1].map((sign) => {
    const query = queries!.at(-1)!.map((value) => sign * value)
    return [...attention(query, keys!, values!, score).output].map(rounded)
  })
}

/** Known elements of the last row. */
function normed(centered: boolean): number[] {
  const { width, tokens } = normShape
  const y = norm(normRows().subarray((tokens - 1) * width), 0, { centered })
  return knownElements.map((i) => rounded(y[i]!))
}

/** Six digits: more than the proof asks for. */
function rounded(value: number): number {
  return Number(value.toPrecision(6))
}

/** The module that the library has them in. */
export function answersModule(): string {
  const { products, embedded: looked, attention: ofHeads, norms } = knownAnswers()
  const lines = (record: Readonly<Record<string, unknown>>) =>
    Object.entries(record).map(([name, value]) => `  ${JSON.stringify(name)}: ${JSON.stringify(value)},`)
  return [
    '// Written by `npm run answers` from the twins in test/reference, and compared with them by a test.',
    '',
    '/** By tensor type: sums of `knownRows`. */',
    'export const products: Readonly<Record<string, readonly number[]>> = {',
    ...lines(products),
    '}',
    '',
    '/** By tensor type: `embeddedElements` of `embeddedRows`. */',
    'export const embedded: Readonly<Record<string, readonly number[]>> = {',
    ...lines(looked),
    '}',
    '',
    '/** By what is done to scores: for a query and its negative, [2, period]. */',
    'export const attention = {',
    ...lines(ofHeads),
    '} as const',
    '',
    '/** Of `knownElements`. */',
    'export const norms = {',
    ...lines(norms),
    '} as const',
    '',
  ].join('\n')
}
