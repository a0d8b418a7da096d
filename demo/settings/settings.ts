import { isRecord, keep, readKept } from '../kept'
import { Observable } from '../observable'

/** What the person has set; everything applies to the next answer. */
export interface Settings {
  /** Empty: the model's own. */
  readonly systemPrompt: string
  /** 0 … 1.5 */
  readonly temperature: number
  /** Longest answer in tokens; null: to the end of the context. */
  readonly maxTokens: number | null
  /** Keep what the model has read of the chats on this device. */
  readonly keepReady: boolean
  readonly scheme: 'system' | 'light' | 'dark'
  /** A model reference; empty: the page's default. */
  readonly model: string
  /** The Hub's address; empty: the page's default. */
  readonly endpoint: string
}

export const defaultSettings: Settings = {
  systemPrompt: '',
  temperature: 0.4,
  maxTokens: 512,
  keepReady: true,
  scheme: 'system',
  model: '',
  endpoint: '',
}

const mostTemperature = 1.5

/** Settings out of whatever was kept; what does not fit is as by default. */
export function readSettings(kept: unknown): Settings {
  if (!isRecord(kept)) return defaultSettings
  const { systemPrompt, temperature, maxTokens, keepReady, scheme, model, endpoint } = kept
  const text = (value: unknown) => (typeof value === 'string' ? value : '')
  const isTemperature = typeof temperature === 'number' && temperature >= 0 && temperature <= mostTemperature
  const isLength = maxTokens === null || (Number.isSafeInteger(maxTokens) && (maxTokens as number) > 0)
  return {
    systemPrompt: text(systemPrompt),
    temperature: isTemperature ? temperature : defaultSettings.temperature,
    maxTokens: isLength ? (maxTokens as number | null) : defaultSettings.maxTokens,
    keepReady: keepReady !== false,
    scheme: scheme === 'light' || scheme === 'dark' ? scheme : 'system',
    model: text(model),
    endpoint: text(endpoint),
  }
}

/** The settings, kept in this browser. */
export function keptSettings(): Observable<Settings> {
  const settings = new Observable(readSettings(readKept('settings')))
  settings.watch((value) => keep('settings', value === defaultSettings ? null : value))
  return settings
}

/** What a temperature does. */
export function temperatureWords(temperature: number): string {
  if (temperature === 0) return 'always the likeliest word: the same question gives the same answer'
  if (temperature < 0.5) return 'close to the likeliest words'
  if (temperature <= 0.9) return 'varied'
  return temperature <= 1.2 ? 'very varied, sometimes odd' : 'wild; sentences may fall apart'
}

/** What a length comes to. */
export function lengthWords(maxTokens: number | null): string {
  if (maxTokens === null) return 'until the model is done, or its context is full'
  const words = Math.round((maxTokens * 0.75) / 10) * 10
  return `at most about ${words} words (${maxTokens} tokens)`
}
