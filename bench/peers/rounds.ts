import type { Answer } from './page/runtime.ts'
import type { OpenPeer, PeerMemory, RunningPeer } from './peer.ts'

export interface RoundsPlan {
  /** Rounds that count. One more goes before them, in which what is compiled late is compiled. */
  readonly rounds: number
  /** Starts from nothing, and again from what the first one stored. */
  readonly starts: number
  /** Tokens of the prompts of a round. */
  readonly prefills: readonly number[]
  /** Tokens of an answer, after its first one. */
  readonly decode: number
  /** Tokens of the prompt whose first token ends a start. */
  readonly startPrompt: number
  /** Ids of a model: prompts are of others than its first 300, which may be special. */
  readonly vocab: number
}

/** What was measured of one length of prompt, one number a round. */
export interface LengthFigures {
  readonly prefillRates: number[]
  readonly decodeRates: number[]
}

export interface PeerFigures {
  readonly name: string
  /** Why there are no figures, or no more of them; null: it ran to the end. */
  failure: string | null
  readonly coldMs: number[]
  readonly warmMs: number[]
  /** By tokens of the prompt. */
  readonly lengths: ReadonlyMap<number, LengthFigures>
  memory: PeerMemory | null
}

interface Contestant {
  readonly open: OpenPeer
  readonly figures: PeerFigures
  running: RunningPeer | null
}

/**
 * Measures peers in turn: each does its part of a round before any does the next, and another one begins every round,
 * so that what else happens on the machine meets all of them. A peer that fails is left out from there on.
 */
export async function measureInTurn(
  peers: ReadonlyMap<string, OpenPeer>,
  plan: RoundsPlan,
  tell: (line: string) => void,
): Promise<readonly PeerFigures[]> {
  const contestants = [...peers].map(([name, open]) => ({
    open,
    figures: emptyFigures(name, plan),
    running: null,
  }))
  const prompts = promptsOf(plan.vocab)
  try {
    for (let i = 0; i < plan.starts; i++) {
      await inTurn(contestants, i, tell, (each) => startOnce(each, plan, prompts))
    }
    for (let round = 0; round <= plan.rounds; round++) {
      tell(round === 0 ? 'warming up' : `round ${round}`)
      await inTurn(contestants, round, tell, (each) => playRound(each, plan, round > 0, prompts))
    }
    await inTurn(contestants, 0, tell, async ({ figures, running }) => {
      figures.memory = await running!.memory()
    })
  } finally {
    for (const { running } of contestants as readonly Contestant[]) await running?.close()
  }
  return contestants.map(({ figures }) => figures)
}

function emptyFigures(name: string, { prefills }: RoundsPlan): PeerFigures {
  const lengths = new Map<number, LengthFigures>()
  for (const tokens of prefills) lengths.set(tokens, { prefillRates: [], decodeRates: [] })
  return { name, failure: null, coldMs: [], warmMs: [], lengths, memory: null }
}

async function inTurn(
  contestants: readonly Contestant[],
  round: number,
  tell: (line: string) => void,
  play: (contestant: Contestant) => Promise<void>,
): Promise<void> {
  for (let i = 0; i < contestants.length; i++) {
    const contestant = contestants[(i + round) % contestants.length]!
    const { figures } = contestant
    if (figures.failure !== null) continue
    try {
      await play(contestant)
    } catch (error) {
      figures.failure = (error as Error).message.split('\n')[0]!
      tell(`${figures.name} failed: ${figures.failure}`)
      await contestant.running?.close().catch(() => undefined)
      contestant.running = null
    }
  }
}

async function startOnce(contestant: Contestant, plan: RoundsPlan, prompts: Prompts): Promise<void> {
  const { figures, open, running } = contestant
  await running?.close()
  contestant.running = null
  const started = await open()
  contestant.running = started
  figures.coldMs.push(await started.start(prompts(plan.startPrompt)))
  figures.warmMs.push(await started.start(prompts(plan.startPrompt)))
}

async function playRound(
  { figures, running }: Contestant,
  { decode, prefills }: RoundsPlan,
  counts: boolean,
  prompts: Prompts,
): Promise<void> {
  for (const tokens of prefills) {
    const answer = await running!.generate(prompts(tokens), counts ? decode + 1 : 4)
    checkAnswer(answer, tokens, counts ? decode : 3)
    if (!counts) continue
    const { prefillRates, decodeRates } = figures.lengths.get(tokens)!
    prefillRates.push((1000 * tokens) / answer.firstMs)
    decodeRates.push((1000 * decode) / (answer.lastMs - answer.firstMs))
  }
}

/** A peer that computed less, or more, than the others is not compared with them. */
function checkAnswer({ promptTokens, laterTokens }: Answer, prompt: number, later: number): void {
  if (promptTokens !== prompt) throw new Error(`it computed ${promptTokens} tokens of a prompt of ${prompt}`)
  if (laterTokens !== later) throw new Error(`it gave ${laterTokens + 1} tokens, not ${later + 1}`)
}

type Prompts = (tokens: number) => readonly number[]

/** Prompts that begin differently each, so that no prefix of an earlier one helps. */
function promptsOf(vocab: number): Prompts {
  let salt = 0
  return (tokens) => {
    salt += 1
    return Array.from({ length: tokens }, (_, i) => 300 + ((7919 * i + 104_729 * salt) % (vocab - 300)))
  }
}
