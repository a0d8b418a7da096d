import { importBench, nodeModel } from '../bench/in-node.ts'
import { reportTable } from '../bench/report.ts'
import type { TurnFigures, TurnsBenchOptions, TurnsFigures } from '../bench/turns.ts'
import { BenchSetting } from './bench-setting.ts'

/**
 * npm run bench:turns -- [--lavapipe] [--node] [--words 200] [--answer 32] [--repeats 3] [--json FILE]
 *
 * Time to the first token of a chat's second turn: with what its first turn left in the prefix cache, on an engine that
 * has not seen the chat, and after a reload with the conversation from storage (not in Node, which has no IndexedDB).
 */
const setting = new BenchSetting({ words: '200', answer: '32', repeats: '3' })
const options: Omit<TurnsBenchOptions, 'model' | 'gpu'> = {
  words: setting.count('words'),
  answerTokens: setting.count('answer'),
  repeats: setting.count('repeats'),
}
const measured = await setting.run({
  inPage: (page, model) => page.evaluate((all) => window.octavoBench!.benchTurns(all), { ...options, model }),
  inNode: async (gpu) => {
    const { benchTurns } = await importBench<typeof import('../bench/turns.ts')>('turns.ts')
    return benchTurns({ ...options, gpu, model: await nodeModel() })
  },
})
await reportTable(measured, [table(measured.figures)], setting.json)
// Dawn's threads keep the process.
process.exit(0)

function table({ withCache, withoutCache, restored }: TurnsFigures): string[][] {
  const row = (what: string, { firstTokenMs, promptTokens, cachedTokens }: TurnFigures) => [
    what,
    String(promptTokens),
    String(cachedTokens),
    `${firstTokenMs.toFixed(0)} ms`,
    `${(firstTokenMs / withoutCache.firstTokenMs).toFixed(3)} ×`,
  ]
  return [
    ['second turn', 'prompt tokens', 'of these cached', 'first token', 'of that without cache'],
    row('with the prefix cache', withCache),
    row('without', withoutCache),
    ...(restored
      ? [
          row('after a reload, restored', restored),
          row('the restoring included', {
            ...restored,
            firstTokenMs: restored.firstTokenMs + restored.restoreMs,
          }),
        ]
      : []),
  ]
}
