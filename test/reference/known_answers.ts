import { weightFormats } from '../../src/kernels/formats'
import { draws, logitToDraw, vocab } from '../../src/model/proof/logit-inputs'
import { knownElements, normRows, normShape } from '../../src/model/proof/norm-inputs'
import {
  embeddedElements,
  embeddedRows,
  knownRows,
  productActivations,
  productBytes,
  productShape,
} from '../../src/model/proof/product-inputs'
import { dequantize } from './dequantize'
import { matvec } from './matvec'
import { norm } from './norm'
import { sample } from './sample'

/** Tensor types that most models do without: their answers are in the part for rare kernels. */
const rare = /^(Q1_0|Q2_0|Q2_K|Q3_K|TQ1_0|TQ2_0|IQ\w+|MXFP4|NVFP4)$/

/** What kernels must make of the inputs in src/model/proof, by the twins: by the file in that folder. */
export function knownAnswers() {
  const types = [...weightFormats.keys()]
  const matrices = (names: readonly string[]) =>
    Object.fromEntries(names.map((type) => [type, { sums: product(type), elements: embedded(type) }]))
  return {
    'known-answers.ts': {
      matrices: matrices(types.filter((type) => !rare.test(type))),
      norms: { plain: normed(false), centered: normed(true) },
      drawn: draws.map(draw),
    },
    'rare/known-answers.ts': { matrices: matrices(types.filter((type) => rare.test(type))) },
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

/** Known elements of the last row. */
function normed(centered: boolean): number[] {
  const { width, tokens } = normShape
  const y = norm(normRows().subarray((tokens - 1) * width), 0, { centered })
  return knownElements.map((i) => rounded(y[i]!))
}

/** The id that a draw gives, of which no rounding makes another. */
function draw(sampling: (typeof draws)[number]): number {
  const logits = Float64Array.from({ length: vocab }, (_, id) => logitToDraw(id))
  const all = { topK: 0, topP: 1, minP: 0, position: 0, ...sampling }
  const { id, accepted } = sample(logits, all, { mass: 1e-3, noise: 1e-3 })
  if (accepted.size > 1) throw new Error('draws must not hang on rounding: take another seed')
  return id
}

/** Six digits: more than the proof asks for. */
function rounded(value: number): number {
  return Number(value.toPrecision(6))
}

const comments: Readonly<Record<string, string>> = {
  matrices: 'By tensor type: sums of `knownRows`, and `embeddedElements` of `embeddedRows`.',
  norms: 'Of `knownElements`.',
  drawn: 'Of each of `draws`.',
}

/** The modules that the library has them in, by their files. */
export function answersModules(): readonly (readonly [file: string, text: string])[] {
  return Object.entries(knownAnswers()).map(([file, answers]) => [
    file,
    [
      '// Written by `npm run answers` from the twins in test/reference, and compared with them by a test.',
      ...Object.entries(answers).map(
        ([name, value]) =>
          `\n/** ${comments[name]} */\nexport const ${name} = ${JSON.stringify(value)} as const\n`,
      ),
    ].join('\n'),
  ])
}
