import type { ErrorCode } from 'octavo'
import { describe, expect, it } from 'vitest'
import { advise, type Circumstances } from '../../../demo/errors/advice'
import { webGpuHelp } from '../../../demo/errors/browser-help'

const around: Circumstances = {
  remedy: 'Do what the error says.',
  online: true,
  webGpuHelp: 'Switch it on.',
  smaller: 'Small model (92 MB)',
  isDefaultModel: false,
  onDevice: [],
  isLoaded: false,
}

const actions: Record<ErrorCode, string | null> = {
  'no-webgpu': null,
  'no-adapter': 'Try again',
  'limits-too-small': 'Load the smaller model',
  'gpu-out-of-memory': 'Load the smaller model',
  'device-lost': 'Load again',
  'disk-full': 'Try again',
  'malformed-file': 'Use the default model',
  'unsupported-architecture': 'Use the default model',
  'unsupported-tensor-type': 'Use the default model',
  'unsupported-tokenizer': 'Use the default model',
  'invalid-option': 'Open settings',
  'invalid-request': 'Try again',
  'unsupported-field': 'Try again',
  'context-too-long': 'New chat',
  'queue-full': 'Try again',
  'not-found': 'Choose another model',
  unauthorized: 'Enter an access token',
  network: 'Try again',
  'no-storage': null,
  'conversation-mismatch': null,
  'conversation-too-large': null,
  aborted: 'Try again',
  unloaded: 'Load again',
  'worker-died': 'Load again',
  internal: 'Load again',
}

describe('advice on an error', () => {
  it.each(Object.entries(actions))('offers for %s the button %s', (code, label) => {
    const advice = advise(code as ErrorCode, around)
    expect(advice.action?.label ?? null).toBe(label)
    expect(advice.title).toMatch(/^[A-Z]/)
    expect(advice.remedy).toMatch(/\.$/)
  })

  it('names the smaller model that may fit, and the error’s own remedy where there is none', () => {
    expect(advise('gpu-out-of-memory', around).remedy).toContain('Small model (92 MB)')
    expect(advise('gpu-out-of-memory', { ...around, smaller: null })).toMatchObject({
      remedy: around.remedy,
      action: { kind: 'retry' },
    })
  })

  it('does not offer the default model in its own place', () => {
    expect(advise('malformed-file', { ...around, isDefaultModel: true }).action?.kind).toBe('retry')
  })

  it('says what works offline', () => {
    const offline = advise('network', { ...around, online: false, onDevice: ['SmolLM2 135M'] })
    expect(offline.title).toBe('You are offline')
    expect(offline.remedy).toContain('SmolLM2 135M')
  })

  it('asks again rather than load again while the model runs', () => {
    expect(advise('internal', { ...around, isLoaded: true }).action?.kind).toBe('retry')
  })
})

describe('help with WebGPU', () => {
  const chrome = 'AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Safari/537.36'
  it.each([
    [`Mozilla/5.0 (X11; Linux x86_64) ${chrome}`, 'chrome://flags'],
    [`Mozilla/5.0 (Windows NT 10.0; Win64; x64) ${chrome}`, 'graphics acceleration'],
    ['Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0', 'about:config'],
    ['Mozilla/5.0 (Windows NT 10.0; rv:130.0) Gecko/20100101 Firefox/130.0', '141'],
    ['Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Version/17.0 Safari/604.1', 'iOS 26'],
    [`Mozilla/5.0 (Linux; Android 14; Pixel 8) ${chrome}`, 'Android'],
    ['Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/17.0 Safari/605.1', 'Safari'],
  ])('for %s speaks of %s', (userAgent, words) => {
    expect(webGpuHelp(userAgent, true)).toContain(words)
  })

  it('says that plain http is the reason where it is', () => {
    expect(webGpuHelp(chrome, false)).toContain('https')
  })
})
