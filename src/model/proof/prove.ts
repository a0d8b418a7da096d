import type { GpuDevice } from '../../gpu/device'
import type { Kernel } from '../../gpu/kernel'
import type { Pipeline } from '../../gpu/pipeline'
import { matmul } from '../../kernels/matmul'
import type { Matrix } from '../matrix'
import { atPoint, dispensableOf, isAt, kindOf } from '../points'
import { candidates } from '../variants'
import { tryEmbeddings } from './embeddings'
import { tryHeads } from './heads'
import { matrices as answers } from './known-answers'
import { uploadKnown } from './known-matrices'
import { tryLogits } from './logits'
import * as productInputs from './product-inputs'
import { tryProducts } from './products'
import { tryProjectedHeads } from './projected-heads'
import { tryGathering, tryGating, tryNorms } from './rows'
import type { Trial } from './trial'
import { Trials } from './trials'

/** Shaders whose cases are in this part; other ones have theirs in `rare/`. */
const plain: ReadonlySet<string> = new Set([
  ...[
    'matvec',
    'matmul',
    'int8_matvec',
    'int8_matmul',
    'int8_rows',
    'half_rows',
    'embed',
    'norm',
    'gather_rows',
    'gated',
  ],
  ...['project_heads', 'rope_kv', 'attention_decode', 'attention_combine', 'attention_prefill'],
  ...['sample', 'adjust_logits', 'logprobs'],
])

/** A pipeline that did not give what it must. */
export interface Flaw {
  readonly pipeline: Pipeline
  readonly reason: string
  /** The greatest difference from a known answer; null: its bits are not those of kernels that do the same. */
  readonly error: number | null
}

export interface Proof {
  readonly flaws: readonly Flaw[]
  /** Pipelines that were tried, and of those how many have answers that are known beforehand. */
  readonly tried: number
  readonly known: number
  /** Shaders of the model's with a variant that no known case is for. */
  readonly untried: readonly string[]
  readonly ms: number
}

type Answered = Trial & {
  readonly floats: Float32Array<ArrayBuffer>
  /** What the pipelines have written that do it apart. */
  readonly expected: Float32Array<ArrayBuffer> | null
}

/** The part with the cases of rare kernels. */
type RareCases = typeof import('./rare/cases')

/** Whether some of these pipelines or matrices have their cases in the part for rare ones. */
export function wantRare(pipelines: readonly Pipeline[], matrices: readonly Matrix[]): boolean {
  return (
    pipelines.some(({ kernel }) => !plain.has(kernel.shader)) ||
    matrices.some(({ format }) => !Object.hasOwn(answers, format.name))
  )
}

/**
 * Lets each of a model's pipelines answer a small known case, and compares those that answer the same one bit for bit. Where
 * they differ, the universal variant tells which of them are wrong.
 *
 * @param rare wanted where `wantRare` says so; kernels without a case are told
 */
export async function prove(
  gpu: GpuDevice,
  pipelines: readonly Pipeline[],
  matrices: readonly Matrix[],
  rare: RareCases | null,
): Promise<Proof> {
  const started = performance.now()
  const distinct = [...new Set(pipelines)]
  const answered = await tryAll(gpu, await withExact(gpu, distinct), matrices, rare)
  const flaws = new Map<Pipeline, Flaw>()
  for (const trial of answered) {
    if (!isWrong(trial)) continue
    const blamed = blame(trial, answered)
    const error = errorOf(trial)
    // What its own case says of it comes first.
    if (trial.pipeline === blamed || !flaws.has(blamed))
      flaws.set(blamed, { pipeline: blamed, reason: inWords(trial, error), error })
  }
  // An instruction that others take, too, is tried without before what rounds its rows for itself is done without.
  if ([...flaws.keys()].some((each) => dispensableOf(each) === 'packedDot')) {
    for (const each of flaws.keys()) if (dispensableOf(each) === 'ownRoundings') flaws.delete(each)
  }
  for (const flaw of unlikeApart(answered, flaws, true)) flaws.set(flaw.pipeline, flaw)
  const right = answered.filter((trial) => !partsOf(trial).some((each) => flaws.has(each)))
  const odd = [...byName(right).values()].filter((group) => !allSame(group)).flat()
  if (odd.length > 0) {
    for (const flaw of await compareWithUniversal(gpu, odd, answered, matrices, rare))
      flaws.set(flaw.pipeline, flaw)
  }
  for (const flaw of unlikeApart(answered, flaws, false)) flaws.set(flaw.pipeline, flaw)
  const own = new Set(distinct)
  const tried = new Set(answered.flatMap(partsOf).filter((each) => own.has(each)))
  return {
    flaws: [...flaws.values()],
    tried: tried.size,
    known: new Set(
      answered.flatMap(({ known, pipeline }) => (known.length > 0 && own.has(pipeline) ? [pipeline] : [])),
    ).size,
    untried: [...new Set(distinct.filter((each) => !tried.has(each)).map(({ kernel }) => kernel.shader))],
    ms: performance.now() - started,
  }
}

/** Beside products that take rows as f16 those that take the same as they are: their bits must be alike, and a plan may lack them. */
async function withExact(gpu: GpuDevice, pipelines: readonly Pipeline[]): Promise<readonly Pipeline[]> {
  const rounding = pipelines.filter(({ variant }) => variant.conditions?.half_rows)
  const exact = rounding.map(({ variant }) =>
    gpu.pipeline(matmul as unknown as Kernel<never>, {
      ...variant,
      conditions: { ...variant.conditions, half_rows: false },
    }),
  )
  return [...new Set([...pipelines, ...(await Promise.all(exact))])]
}

async function tryAll(
  gpu: GpuDevice,
  pipelines: readonly Pipeline[],
  matrices: readonly Matrix[],
  rare: RareCases | null,
): Promise<readonly Answered[]> {
  const trials = new Trials(gpu)
  const known = [
    ...(await uploadKnown(gpu, trials, matrices, { ...answers, ...rare?.matrices })),
    ...(rare?.affineMatrices(trials, matrices, productInputs) ?? []),
  ]
  const found = [
    ...tryProducts(trials, pipelines, known),
    ...tryProjectedHeads(trials, pipelines, known),
    ...tryEmbeddings(trials, pipelines, known),
    ...tryHeads(trials, pipelines),
    ...tryNorms(trials, pipelines),
    ...tryGathering(trials, pipelines),
    ...tryGating(trials, pipelines),
    ...tryLogits(trials, pipelines),
    ...(rare?.tryRare(trials, pipelines) ?? []),
  ]
  const results = await trials.results()
  return found.map((trial: Trial) => {
    const result = results[trial.reading]!
    trial.arrange?.(new Uint32Array(result))
    return {
      ...trial,
      floats: new Float32Array(result),
      expected: trial.apart ? new Float32Array(results[trial.apart.reading]!) : null,
    }
  })
}

/** All pipelines that have made what a trial is about. */
function partsOf({ pipeline, filledBy, combinedBy }: Trial): readonly Pipeline[] {
  return [pipeline, filledBy, combinedBy].filter((each) => each !== undefined)
}

function isWrong(trial: Answered): boolean {
  return errorOf(trial) > trial.tolerance
}

function errorOf({ floats, known }: Answered): number {
  let greatest = 0
  for (const { at, value } of known) {
    const error = Math.abs(floats[at]! - value)
    if (!(error <= greatest)) greatest = Number.isNaN(error) ? Number.POSITIVE_INFINITY : error
  }
  return greatest
}

/**
 * Whose fault a wrong answer is. One that errs by itself, as well; where all that read a cache, or rows in bytes, are wrong, it is
 * what has filled it.
 */
function blame(trial: Answered, answered: readonly Answered[]): Pipeline {
  const { pipeline, filledBy, combinedBy } = trial
  const errsAlone = (part: Pipeline) =>
    answered.some((each) => each.pipeline === part && partsOf(each).length === 1 && isWrong(each))
  for (const part of [filledBy, combinedBy]) if (part && errsAlone(part)) return part
  if (!filledBy) return pipeline
  const isRightElsewhere = answered.some(
    (each) =>
      each.pipeline === pipeline && each.filledBy !== filledBy && each.known.length > 0 && !isWrong(each),
  )
  // An instruction that all of them take may be what is wrong, unless it is right elsewhere.
  if (pipeline.variant.conditions?.packed_dot && !isRightElsewhere) return pipeline
  const readers = answered.filter((each) => each.filledBy === filledBy)
  const allWrong = (readers.length > 1 || isRightElsewhere) && readers.every(isWrong)
  return allWrong ? filledBy : pipeline
}

function inWords({ name, floats, known, tolerance }: Answered, error: number): string {
  const worst = known.find(({ at, value }) => !(Math.abs(floats[at]! - value) < error)) ?? known[0]!
  return `${name}: ${floats[worst.at]} where ${worst.value} ± ${tolerance} is right`
}

function byName(trials: readonly Answered[]): Map<string, Answered[]> {
  const groups = new Map<string, Answered[]>()
  for (const trial of trials) groups.set(trial.name, [...(groups.get(trial.name) ?? []), trial])
  return groups
}

function wordsOf({ floats, from, count }: Answered): Uint32Array {
  return new Uint32Array(floats.buffer, 4 * from, count)
}

function sameBits(one: Answered, other: Answered): boolean {
  const words = wordsOf(other)
  return wordsOf(one).every((word, i) => word === words[i])
}

function isAsApart(trial: Answered): boolean {
  const { floats, from, count, apart } = trial
  const expected = trial.expected!
  const { within } = apart!
  if (within === undefined) return sameBits(trial, { ...trial, floats: expected })
  const range = floats.subarray(from, from + count)
  return range.every((value, i) => Math.abs(value - expected[from + i]!) <= within)
}

/**
 * Those that give other results than the pipelines that do the same apart, and have no flaw.
 *
 * @param inNumbers those whose numbers may be off by something; else those whose bits must be the same
 */
function unlikeApart(
  answered: readonly Answered[],
  flaws: ReadonlyMap<Pipeline, Flaw>,
  inNumbers: boolean,
): readonly Flaw[] {
  return answered.flatMap((trial) => {
    const { name, apart, pipeline, filledBy } = trial
    if (!apart || (apart.within !== undefined) !== inNumbers) return []
    if (apart.by.some((each) => flaws.has(each)) || isAsApart(trial)) return []
    const names = apart.by.map(({ kernel }) => kernel.shader).join(', ')
    const reason = `${name}: other ${inNumbers ? 'numbers' : 'bits'} than ${names} give`
    // Who reads what others have filled is tried with what another one has, too.
    return [{ pipeline: filledBy ?? pipeline, reason, error: null }]
  })
}

function allSame(group: readonly Answered[]): boolean {
  return group.every((trial) => sameBits(trial, group[0]!))
}

/** Which of some trials have other bits than the universal variants have, one of each kind compiled for the purpose. */
async function compareWithUniversal(
  gpu: GpuDevice,
  odd: readonly Answered[],
  answered: readonly Answered[],
  matrices: readonly Matrix[],
  rare: RareCases | null,
): Promise<Flaw[]> {
  const filled = answered.flatMap(({ filledBy }) => filledBy ?? [])
  const universal = await Promise.all(
    odd.map(({ pipeline }) => {
      const kind = kindOf(pipeline)!
      return gpu.pipeline(pipeline.kernel, atPoint(kind, candidates[kind][0]!, pipeline.variant))
    }),
  )
  const combines = answered.flatMap(({ combinedBy }) => combinedBy ?? [])
  const again = byName(
    await tryAll(gpu, [...new Set([...universal, ...filled, ...combines])], matrices, rare),
  )
  return odd.flatMap((trial): Flaw[] => {
    const kind = kindOf(trial.pipeline)!
    // One of another kind gives the same bits, if both are right.
    const judges = again.get(trial.name) ?? []
    const judge =
      judges.find((each) => dispensableOf(each.pipeline) === null) ??
      judges.find((each) => dispensableOf(each.pipeline) !== 'ownRoundings') ??
      judges[0]
    const isUniversal = isAt(kind, candidates[kind][0]!, trial.pipeline.variant)
    if (!judge || sameBits(trial, judge)) return []
    const reason = `${trial.name}: other bits than the universal variant${isUniversal ? 's of two kinds give' : ''}`
    return [{ pipeline: trial.pipeline, reason, error: null }]
  })
}
