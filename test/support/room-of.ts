import type { RoomOptions } from '../../src/model/load'
import { type Room, roomNeeded } from '../../src/model/room'

/** What a model takes with a small cache, on a GPU without limits. */
export function roomOf(header: RoomOptions['header']): Promise<Room> {
  const options: RoomOptions = {
    header,
    floatWeights: 'exact',
    kvCache: { format: 'f16', maxTokens: 64 },
    invariance: 'on',
    precision: 'exact',
    maxSequences: 1,
    maxBatchTokens: 64,
  }
  return roomNeeded(null, options, () => import('../../src/model/load-encoder'))
}
