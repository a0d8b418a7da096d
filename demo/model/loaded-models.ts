import { isRecord, keep, readKept } from '../kept'
import { choiceKey, type ModelChoice } from './model-choice'

/** A model that this browser has loaded whole, so that its weights should lie on this device. */
export interface LoadedModel {
  readonly key: string
  readonly model: string
  readonly endpoint: string | null
  readonly bytes: number
  /** How long the last load took that read the weights from this device; null before there was one. */
  readonly seconds: number | null
}

export function loadedModels(): readonly LoadedModel[] {
  const kept = readKept('loaded-models')
  return Array.isArray(kept) ? kept.filter(isLoadedModel) : []
}

export function findLoaded(choice: ModelChoice): LoadedModel | null {
  const key = choiceKey(choice)
  return loadedModels().find((each) => each.key === key) ?? null
}

/** @param seconds null when the load had to download. */
export function rememberLoaded(choice: ModelChoice, bytes: number, seconds: number | null): void {
  const key = choiceKey(choice)
  if (key === null || typeof choice.model !== 'string') return
  const before = findLoaded(choice)
  const { model, endpoint } = choice
  const entry: LoadedModel = { key, model, endpoint, bytes, seconds: seconds ?? before?.seconds ?? null }
  keep('loaded-models', [entry, ...loadedModels().filter((each) => each.key !== key)])
}

/** The browser has removed the weights. */
export function forgetLoaded(choice: ModelChoice): void {
  const key = choiceKey(choice)
  keep(
    'loaded-models',
    loadedModels().filter((each) => each.key !== key),
  )
}

function isLoadedModel(value: unknown): value is LoadedModel {
  return (
    isRecord(value) &&
    typeof value.key === 'string' &&
    typeof value.model === 'string' &&
    (value.endpoint === null || typeof value.endpoint === 'string') &&
    typeof value.bytes === 'number' &&
    (value.seconds === null || typeof value.seconds === 'number')
  )
}
