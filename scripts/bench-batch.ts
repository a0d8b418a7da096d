import type { BatchBenchOptions, BatchFigures } from '../bench/batch.ts'
import { importBench, nodeModel } from '../bench/in-node.ts'
import { reportTable } from '../bench/report.ts'
import { BenchSetting } from './bench-setting.ts'

/**
 * npm run bench:batch -- [--lavapipe] [--node] [--sequences 1,2,4,8,16] [--streams 1,7] [--prompt 16] [--decode 16]
 *                        [--prefill 256] [--long 1000] [--json FILE]
 *
 * Requests that run side by side on the tests' model: tokens per second of all, the way of a late comer to its first
 * token, and how long streams (`--streams` of them) wait while a long prompt is prefilled.
 */
const setting = new BenchSetting({
  sequences: '1,2,4,8,16',
  streams: '1,7',
  prompt: '16',
  decode: '16',
  prefill: '256',
  long: '1000',
})
const options: Omit<BatchBenchOptions, 'model' | 'gpu'> = {
  sequences: setting.counts('sequences'),
  streams: setting.counts('streams'),
  promptTokens: setting.count('prompt'),
  decodeTokens: setting.count('decode'),
  prefillTokens: setting.count('prefill'),
  longPromptTokens: setting.count('long'),
}
const measured = await setting.run({
  inPage: (page, model) => page.evaluate((all) => window.octavoBench!.benchBatch(all), { ...options, model }),
  inNode: async (gpu) => {
    const { benchBatch } = await importBench<typeof import('../bench/batch.ts')>('batch.ts')
    return benchBatch({ ...options, gpu, model: await nodeModel() })
  },
})
await reportTable(measured, tables(measured.figures), setting.json)
// Dawn's threads keep the process.
process.exit(0)

function tables({ rows, stalls, prefillTokensPerSecond }: BatchFigures): string[][][] {
  const one = rows.find(({ sequences }) => sequences === 1)?.tokensPerSecond ?? Number.NaN
  const [four, prefill] = [4 * one, 0.8 * prefillTokensPerSecond]
  return [
    [
      ['requests', 'tokens/s', 'of one', 'of prefill', 'first token of a late comer'],
      ...rows.map(({ sequences, tokensPerSecond, lateFirstTokenMs }) => [
        String(sequences),
        tokensPerSecond.toFixed(2),
        `${(tokensPerSecond / one).toFixed(2)} ×`,
        `${(tokensPerSecond / prefillTokensPerSecond).toFixed(2)} ×`,
        milliseconds(lateFirstTokenMs),
      ]),
    ],
    [
      ['prefill, tokens/s', '0.8 of prefill', '4 × one', 'aim for 8'],
      [prefillTokensPerSecond, prefill, four, Math.min(prefill, four)].map((rate) => rate.toFixed(2)),
    ],
    [
      [
        'streams',
        'gap between tokens',
        `longest while ${options.longPromptTokens} are prefilled`,
        'their first token',
      ],
      ...stalls.map(({ streams, ordinaryGapMs, longestGapMs, longFirstTokenMs }) => [
        String(streams),
        milliseconds(ordinaryGapMs),
        milliseconds(longestGapMs),
        milliseconds(longFirstTokenMs),
      ]),
    ],
  ]
}

function milliseconds(value: number): string {
  return `${value.toFixed(0)} ms`
}
