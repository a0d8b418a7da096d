import { beforeEach, describe, expect, it, vi } from 'vitest'
import { AccessToken } from '../../../demo/settings/access-token'
import { defaultSettings, lengthWords, readSettings, temperatureWords } from '../../../demo/settings/settings'

beforeEach(() => {
  const kept = new Map<string, string>()
  vi.stubGlobal('localStorage', {
    getItem: (name: string) => kept.get(name) ?? null,
    setItem: (name: string, value: string) => kept.set(name, value),
    removeItem: (name: string) => kept.delete(name),
  })
})

describe('the settings', () => {
  it('come back as they were kept', () => {
    const settings = { ...defaultSettings, temperature: 1.2, maxTokens: null, scheme: 'dark' as const }
    expect(readSettings(JSON.parse(JSON.stringify(settings)))).toEqual(settings)
  })

  it.each([[null], ['x'], [{ temperature: 9, maxTokens: -1, scheme: 'pink', systemPrompt: 3 }]])(
    'are the defaults where %j was kept',
    (kept) => {
      expect(readSettings(kept)).toEqual(defaultSettings)
    },
  )

  it('say their effect in words', () => {
    expect(temperatureWords(0)).toContain('same answer')
    expect(temperatureWords(1.5)).not.toBe(temperatureWords(0.7))
    expect(lengthWords(512)).toBe('at most about 380 words (512 tokens)')
    expect(lengthWords(null)).toContain('context')
  })
})

describe('the access token', () => {
  it('is given to the endpoint it was entered for and to no other', () => {
    const token = new AccessToken()
    token.enter(' hf_secret ', null, false)
    expect(token.for(null)).toBe('hf_secret')
    expect(token.for('https://elsewhere.example')).toBeNull()
  })

  it('is kept in the browser only where the person says so', () => {
    new AccessToken().enter('hf_secret', null, false)
    expect(new AccessToken().for(null)).toBeNull()
    new AccessToken().enter('hf_secret', null, true)
    expect(new AccessToken().for(null)).toBe('hf_secret')
    new AccessToken().enter('', null, true)
    expect(new AccessToken().for(null)).toBeNull()
  })

  it('is not forgotten because a field for another endpoint is empty', () => {
    const token = new AccessToken()
    token.enter('hf_secret', null, true)
    token.enter('', 'https://elsewhere.example', true)
    expect(token.for(null)).toBe('hf_secret')
  })
})
