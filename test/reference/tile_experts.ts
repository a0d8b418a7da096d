/** Entries of each expert, by its number: entry i chose expert chosen[i]. */
export function tileExperts(chosen: readonly number[]): Map<number, number[]> {
  const entries = new Map<number, number[]>()
  chosen.forEach((expert, entry) => {
    entries.set(expert, [...(entries.get(expert) ?? []), entry])
  })
  return entries
}
