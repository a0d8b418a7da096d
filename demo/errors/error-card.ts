import type { OctavoError } from 'octavo'
import { button, element } from '../element'
import type { Advice, AdviceAction } from './advice'

/** What happened, why, the one thing to do, and the technical detail folded. */
export function errorCard(error: Told, advice: Advice, act: (action: AdviceAction) => void): HTMLElement {
  const { action } = advice
  return element(
    'section',
    { class: 'error', 'aria-label': 'Error' },
    element('h2', {}, advice.title),
    element('p', {}, error.message),
    element('p', { class: 'remedy' }, advice.remedy),
    action ? button(action.label, () => act(action.kind), { class: 'primary' }) : null,
    element(
      'details',
      {},
      element('summary', {}, 'Technical detail'),
      element('pre', { tabindex: '0' }, technicalDetail(error)),
    ),
  )
}

/** An error, or what a conversation kept of one. */
export type Told = Pick<OctavoError, 'code' | 'message' | 'remedy'> & { readonly cause?: unknown }

function technicalDetail(error: Told): string {
  const lines = [`code: ${error.code}`, `message: ${error.message}`, `remedy: ${error.remedy}`]
  for (let cause = error.cause; cause !== undefined && cause !== null; ) {
    lines.push(`caused by: ${cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause)}`)
    cause = cause instanceof Error ? cause.cause : null
  }
  lines.push(navigator.userAgent)
  return lines.join('\n')
}
