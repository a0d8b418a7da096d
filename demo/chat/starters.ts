import { button, element } from '../element'

/** Three prompts that a model of this many parameters can do well with. */
function starterPrompts(parameters: number): readonly string[] {
  if (parameters < 1e9) {
    return [
      'Explain in three sentences why the sky is blue.',
      'Suggest five names for a small grey cat.',
      'Write a short thank-you note to a neighbour.',
    ]
  }
  return [
    'Explain how a vaccine works to a ten-year-old.',
    'Write a Python function that finds the longest palindrome in a text, and explain it.',
    'Compare three ways to store renewable energy, in a table.',
  ]
}

/** The empty state: what one may ask. */
export function startersView(parameters: number, onPick: (prompt: string) => void): HTMLElement {
  return element(
    'section',
    { class: 'starters', 'aria-labelledby': 'starters-title' },
    element('h2', { id: 'starters-title' }, 'What would you like to ask?'),
    element(
      'ul',
      {},
      ...starterPrompts(parameters).map((prompt) =>
        element(
          'li',
          {},
          button(prompt, () => onPick(prompt)),
        ),
      ),
    ),
  )
}
