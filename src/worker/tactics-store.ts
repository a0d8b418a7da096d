import { createStore, get, set } from 'idb-keyval'
import type { StoredTactics, TacticsStore } from '../model/tactics'

/** Choices of variants on this device; null where there is no IndexedDB, or the browser forbids it. */
export async function openTacticsStore(): Promise<TacticsStore | null> {
  if (typeof indexedDB === 'undefined') return null
  try {
    const store = createStore('octavo-tactics', 'tactics')
    await get('probe', store)
    return {
      get: (key) => get<unknown>(key, store),
      set: (key: string, value: StoredTactics) => set(key, value, store),
    }
  } catch {
    return null
  }
}

interface UserAgentData {
  getHighEntropyValues?(hints: readonly string[]): Promise<{ readonly fullVersionList?: readonly object[] }>
}

/** The browser with its whole version, as far as it tells. */
export async function browserVersion(): Promise<string> {
  if (typeof navigator === 'undefined') return typeof process === 'undefined' ? '' : process.version
  const { userAgent, userAgentData } = navigator as Navigator & { readonly userAgentData?: UserAgentData }
  const values = await userAgentData?.getHighEntropyValues?.(['fullVersionList']).catch(() => null)
  return `${userAgent} ${JSON.stringify(values?.fullVersionList ?? null)}`
}
