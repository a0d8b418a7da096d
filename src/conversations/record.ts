/** What keys and values depend on beside the ids. Blocks serve only a cache that agrees in all of it. */
export interface CacheIdentity {
  /** Identity of the model file's content: a hash, so that another name or revision of the same file is the same. */
  readonly content: string
  /** The model in words, for messages. */
  readonly model: string
  /** How keys and values are stored: `f16`. */
  readonly format: string
  /** Whether they are those of any order of steps, to the bit: `on` or `off`. */
  readonly invariance: string
  /** What products rounded their inputs to: `exact` or `fast`. Records from before there was a choice have none. */
  readonly precision?: string
  /** By which factors of LongRoPE keys were turned; of other models there is none. */
  readonly rotation?: 'short' | 'long'
  /** Octavo's version of what the bytes of a block mean. */
  readonly layout: number
  /** Tokens that a block holds. */
  readonly blockSize: number
  /** Of one block, over all layers. */
  readonly blockBytes: number
  /** The GPU in words: another one rounds differently, and an answer must not depend on where its prompt was read. */
  readonly device: string
}

export interface StoredBlock {
  readonly key: string
  /** Hex, of its bytes. */
  readonly sha256: string
}

/** A saved conversation. It is written when all its blocks are there, and names them. */
export interface ConversationRecord {
  readonly id: string
  readonly identity: CacheIdentity
  /** Those of the blocks: blockSize for each. */
  readonly ids: Uint32Array<ArrayBuffer>
  readonly blocks: readonly StoredBlock[]
  /** When it was saved or restored last, in milliseconds since 1970. */
  readonly usedAt: number
}

export function bytesOf({ identity, blocks }: ConversationRecord): number {
  return identity.blockBytes * blocks.length
}

/** The record with its first blocks only. */
export function cut(record: ConversationRecord, blocks: number): ConversationRecord {
  return {
    ...record,
    blocks: record.blocks.slice(0, blocks),
    ids: record.ids.slice(0, blocks * record.identity.blockSize),
  }
}

/** How many of the record's blocks hold the beginning of these ids, for the same cache. */
export function sharedBlocks(
  record: ConversationRecord,
  identity: CacheIdentity,
  ids: readonly number[],
): number {
  if (difference(record.identity, identity)) return 0
  const differs = record.ids.findIndex((id, i) => id !== ids[i])
  return differs < 0 ? record.blocks.length : Math.floor(differs / identity.blockSize)
}

/** Why blocks of one cache do not serve another, and what to do; null where they do. */
export function difference(
  saved: CacheIdentity,
  now: CacheIdentity,
): { readonly reason: string; readonly remedy: string } | null {
  if (saved.content !== now.content) {
    const other = saved.model === now.model ? 'another file of that name' : now.model
    return {
      reason: `it was computed by ${saved.model}, and this engine runs ${other}`,
      remedy: 'Load that model',
    }
  }
  if (saved.format !== now.format) {
    return {
      reason: `its keys and values are ${saved.format}, and this engine’s are ${now.format}`,
      remedy: `Load the model with kvCache.format '${saved.format}'`,
    }
  }
  if (saved.invariance !== now.invariance) {
    return {
      reason: `it was computed with invariance ${saved.invariance}, and this engine has it ${now.invariance}`,
      remedy: `Load the model with invariance '${saved.invariance}'`,
    }
  }
  if (saved.rotation !== now.rotation) {
    return {
      reason: `its keys were turned by the ${saved.rotation ?? 'unknown'} factors of LongRoPE, and this engine’s are by the ${now.rotation ?? 'unknown'} ones`,
      remedy: 'Load the model with a kvCache.maxTokens on the same side of its original context',
    }
  }
  const [was, is] = [saved, now].map(({ precision = 'exact' }) => precision)
  if (was !== is) {
    return {
      reason: `it was computed with precision ${was}, and this engine has ${is}`,
      remedy: `Load the model with precision '${was}'`,
    }
  }
  if (saved.device !== now.device) {
    return {
      reason: `it was computed on ${saved.device}, and this engine runs on ${now.device}`,
      remedy: 'Use that GPU',
    }
  }
  const same =
    saved.layout === now.layout && saved.blockSize === now.blockSize && saved.blockBytes === now.blockBytes
  if (same) return null
  const words = ({ layout, blockSize, blockBytes }: CacheIdentity) =>
    `layout ${layout}, ${blockSize} tokens and ${blockBytes} bytes a block`
  return {
    reason: `another version of Octavo saved it (${words(saved)}; this one has ${words(now)})`,
    remedy: 'Use that version',
  }
}
