import { expect, it } from 'vitest'
import { peerBenchOptions } from '../../../bench/peers/options.ts'

it('measures all peers, exactly, three times, unless told otherwise', () => {
  expect(peerBenchOptions([])).toEqual({
    adapter: 'lavapipe',
    peers: ['octavo', 'ort', 'transformers', 'wllama', 'llama.cpp'],
    model: '135m',
    rounds: 3,
    starts: 2,
    prefills: [128, 512],
    decode: 64,
    threads: 1,
    json: null,
  })
})

it('has Octavo once for each precision', () => {
  const { peers } = peerBenchOptions(['--peers', 'octavo,ort', '--precision', 'exact,fast'])
  expect(peers).toEqual(['octavo', 'octavo-fast', 'ort'])
  expect(peerBenchOptions(['--peers', 'octavo', '--precision', 'fast']).peers).toEqual(['octavo-fast'])
})

const wrong: Readonly<Record<string, readonly [args: readonly string[], message: RegExp]>> = {
  'an adapter that it does not know': [['--adapter', 'nvidia'], /'nvidia'; there are lavapipe, swiftshader/],
  'a peer that it does not know': [['--peers', 'octavo,webllm'], /'webllm'; there are octavo/],
  'a precision that there is not': [['--precision', 'int8'], /'int8'; there are exact, fast/],
  'a number that is none': [['--rounds', '0'], /--rounds has '0'/],
  'a length that is none': [['--prefill', '128,x'], /--prefill has 'x'/],
  'more tokens than there is room for': [['--prefill', '2040'], /2105 tokens; there is room for 2048/],
  'an option that there is not': [['--reps', '3'], /--reps/],
}

for (const [what, [args, message]] of Object.entries(wrong)) {
  it(`refuses ${what}`, () => {
    expect(() => peerBenchOptions(args)).toThrow(message)
  })
}
