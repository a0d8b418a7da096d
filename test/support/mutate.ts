import type { Random } from './gpu-random'

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

/** Values that a careless reader does not expect where another stood. */
const STRANGE: readonly Json[] = [
  null,
  true,
  false,
  0,
  -1,
  0.5,
  1e308,
  2 ** 31,
  2 ** 32 - 1,
  2 ** 53,
  '',
  'x',
  '\u0000',
  '\ud800',
  '(',
  '(a+)+$',
  '\\p{',
  '__proto__',
  'Sequence',
  [],
  [[]],
  [null],
  {},
  { type: 'Sequence' },
]

/** The places of a JSON value, outermost first, as the keys that lead there. Of a long list only some. */
function placesOf(value: Json, random: Random, path: readonly string[] = []): (readonly string[])[] {
  if (typeof value !== 'object' || value === null) return [path]
  const keys = Object.keys(value)
  const kept = keys.length > 24 ? Array.from({ length: 24 }, () => keys[random.integer(keys.length)]!) : keys
  return [path, ...kept.flatMap((key) => placesOf(get(value, key)!, random, [...path, key]))]
}

function get(value: Json, key: string): Json | undefined {
  return (value as { readonly [key: string]: Json })[key]
}

/**
 * A copy of a JSON value with one to three faults: a part missing, doubled, renamed, of another type, out of range or in
 * another's place. The same `random` makes the same faults.
 */
export function mutateJson(value: Json, random: Random): Json {
  let mutated = value
  for (let faults = 1 + random.integer(3); faults > 0; faults--) {
    const places = placesOf(mutated, random)
    const path = places[random.integer(places.length)]!
    const donor = places[random.integer(places.length)]!
    mutated = changedAt(mutated, path, (old) => faultyValue(old, follow(mutated, donor), random), random)
  }
  return mutated
}

function follow(value: Json, path: readonly string[]): Json {
  return path.reduce<Json>((at, key) => get(at, key)!, value)
}

function changedAt(value: Json, path: readonly string[], change: (old: Json) => Json, random: Random): Json {
  const [key, ...rest] = path
  if (key === undefined) return change(value)
  if (Array.isArray(value)) {
    const items: Json[] = [...value]
    const at = Number(key)
    if (rest.length > 0 || random.integer(4) > 0) items[at] = changedAt(items[at]!, rest, change, random)
    else if (random.integer(2) === 0) items.splice(at, 1)
    else items.splice(at, 0, items[at]!)
    return items
  }
  const entries = Object.entries(value as { readonly [key: string]: Json })
  const renamed = random.integer(8) === 0 ? `${key}_` : key
  const kept = rest.length > 0 || random.integer(4) > 0
  return Object.fromEntries(
    entries.flatMap(([name, item]): [string, Json][] => {
      if (name !== key) return [[name, item]]
      if (!kept) return []
      return [[rest.length > 0 ? name : renamed, changedAt(item, rest, change, random)]]
    }),
  )
}

function faultyValue(old: Json, donor: Json, random: Random): Json {
  const kind = random.integer(4)
  if (kind === 0) return donor
  if (kind === 1 && typeof old === 'number')
    return old + [1, -1, 0.5, 1000, 2 ** 31, -(2 ** 40)][random.integer(6)]!
  if (kind === 1 && typeof old === 'boolean') return !old
  if (kind === 1 && typeof old === 'string') return mutatedText(old, random)
  return STRANGE[random.integer(STRANGE.length)]!
}

function mutatedText(text: string, random: Random): string {
  const at = random.integer(text.length + 1)
  const inserted = ['', '\u0000', '\udfff', ')', '[', '*', '{9999999}', 'ä', text][random.integer(9)]!
  return text.slice(0, at) + inserted + text.slice(at + random.integer(3))
}

/**
 * A copy of a file's bytes with one to four faults: bits turned, a stretch overwritten (as a length would be), taken out,
 * doubled, or the end missing.
 */
export function mutateBytes(bytes: Uint8Array, random: Random): Uint8Array<ArrayBuffer> {
  let mutated = Uint8Array.from(bytes)
  for (let faults = 1 + random.integer(4); faults > 0 && mutated.length > 0; faults--) {
    const at = random.integer(mutated.length)
    const until = Math.min(mutated.length, at + 1 + random.integer(16))
    const kind = random.integer(6)
    if (kind === 0) mutated[at]! ^= 1 << random.integer(8)
    else if (kind === 1) mutated.fill([0, 0xff, 0x7f, 0x80][random.integer(4)]!, at, until)
    else if (kind === 2) mutated.set(random.bytes(until - at), at)
    else if (kind === 3) mutated = joined(mutated.subarray(0, at), mutated.subarray(until))
    else if (kind === 4) mutated = joined(mutated.subarray(0, until), mutated.subarray(at))
    else if (random.integer(4) === 0) mutated = mutated.slice(0, at)
  }
  return mutated
}

function joined(before: Uint8Array, after: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(before.length + after.length)
  bytes.set(before)
  bytes.set(after, before.length)
  return bytes
}
