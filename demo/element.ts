type Child = Node | string | null

/** Makes an element; properties are set as attributes, null and false leave one out. */
export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Readonly<Record<string, string | boolean | number | null>> = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === false) continue
    made.setAttribute(name, value === true ? '' : String(value))
  }
  made.append(...children.filter((child) => child !== null))
  return made
}

/** A button that does something, with words on it. */
export function button(
  label: string,
  onClick: () => void,
  attributes: Readonly<Record<string, string | boolean | null>> = {},
): HTMLButtonElement {
  const made = element('button', { type: 'button', ...attributes }, label)
  made.addEventListener('click', onClick)
  return made
}

/** A button that shows an icon of the page's sprite and has its name for screen readers and as a tooltip. */
export function iconButton(name: string, iconName: string, onClick: () => void): HTMLButtonElement {
  const made = element('button', { type: 'button', class: 'icon', 'aria-label': name, title: name })
  made.append(icon(iconName))
  made.addEventListener('click', onClick)
  return made
}

function icon(name: string): SVGSVGElement {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg')
  svg.setAttribute('aria-hidden', 'true')
  const use = document.createElementNS('http://www.w3.org/2000/svg', 'use')
  use.setAttribute('href', `#icon-${name}`)
  svg.append(use)
  return svg
}

/** The element of index.html with the id; the page is broken without it. */
export function byId<Made extends HTMLElement>(id: string, kind: new () => Made): Made {
  const found = document.getElementById(id)
  if (!(found instanceof kind)) throw new Error(`index.html has no ${kind.name} with the id ${id}`)
  return found
}
