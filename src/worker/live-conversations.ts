import type { CacheIdentity } from '../conversations/record'
import type { Engine } from '../engine/engine'
import { attentionIn } from '../model/attention-in'
import { cacheLayout } from '../model/cache-blocks'
import type { ModelDescription } from '../model/description'
import type { LoadedModel } from '../model/load'
import type { ModelHeader } from '../util/model-file'
import type { OpenedModel } from '../weights/types'
import { Conversations } from './conversations'
import type { LiveModel } from './live-model'

/** Which model it is. */
type ModelOrigin = Pick<OpenedModel, 'source' | 'content'> & Pick<ModelHeader, 'kind'>

/** Saved conversations of a model, on whichever GPU it is. */
export function liveConversations(
  engine: Engine,
  live: Pick<LiveModel<unknown, LoadedModel>, 'model'>,
  origin: ModelOrigin,
  maxBytes: number,
): Conversations {
  return new Conversations({
    engine,
    get blocks() {
      return live.model.cacheBlocks
    },
    get identity() {
      return cacheIdentity(origin, live.model)
    },
    maxBytes,
  })
}

/** Which factors LongRoPE takes for so long a context; nothing where the model has none. */
function rotationOf(
  { layers }: Pick<ModelDescription, 'layers'>,
  maxContext: number,
): Pick<CacheIdentity, 'rotation'> {
  const long = attentionIn(layers).find(({ rope }) => rope?.long)?.rope?.long
  return long ? { rotation: maxContext > long.above ? 'long' : 'short' } : {}
}

function cacheIdentity(
  { source, content, kind }: ModelOrigin,
  { info, cacheBlocks, runner }: LoadedModel,
): CacheIdentity {
  const { repo, revision, file, reference } = source
  const { vendor, architecture, device, description } = info.device
  return {
    // The same floats in fewer bits give other keys.
    content: kind === 'gguf' ? content : `${content} ${info.tensorTypes.map(({ type }) => type)}`,
    model: repo === null ? reference : `${repo}/${file} at ${revision?.slice(0, 12)}`,
    format: info.kvCache.format,
    invariance: info.invariance,
    precision: info.precision,
    ...rotationOf(info.description, runner.limits.maxContext),
    layout: cacheLayout,
    blockSize: info.kvCache.blockSize,
    blockBytes: cacheBlocks.blockBytes,
    device: [vendor, architecture, device, description].filter(Boolean).join(' ') || 'a GPU without a name',
  }
}
