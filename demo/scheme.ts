import type { Observable } from './observable'
import type { Settings } from './settings/settings'

/** Light or dark by the system, or by the person's choice. */
export function followScheme(settings: Observable<Settings>): void {
  settings.watch(({ scheme }) => {
    if (scheme === 'system') delete document.documentElement.dataset.scheme
    else document.documentElement.dataset.scheme = scheme
  })
}
