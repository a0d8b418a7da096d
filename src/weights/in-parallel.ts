/**
 * Does the work on all items, `most` at a time and begun in their order; the first failure aborts the others, and is
 * thrown once they have ended.
 */
export async function inParallel<Item, Result>(
  items: readonly Item[],
  most: number,
  outer: AbortSignal,
  work: (item: Item, signal: AbortSignal, index: number) => Promise<Result>,
): Promise<Result[]> {
  const stop = new AbortController()
  const signal = AbortSignal.any([outer, stop.signal])
  const results: Result[] = []
  let next = 0
  let failure: { readonly error: unknown } | null = null
  const worker = async () => {
    while (next < items.length && !failure) {
      const index = next++
      results[index] = await work(items[index]!, signal, index)
    }
  }
  const fail = (error: unknown) => {
    failure ??= { error }
    stop.abort(error)
  }
  await Promise.all(Array.from({ length: Math.min(most, items.length) }, () => worker().catch(fail)))
  // Set by a worker, which the compiler does not see.
  const failed = failure as { readonly error: unknown } | null
  if (failed) throw failed.error
  return results
}
