/**
 * Makes the children of one parent equal to those of another with as few changes as can be: what is the same stays the
 * same node, so that a selection, the focus and the layout of what was there survive. Takes nodes out of `to`.
 */
export function morph(from: ParentNode & Node, to: ParentNode & Node): void {
  let current = from.firstChild
  for (const next of [...to.childNodes]) {
    if (!current) {
      from.append(next)
      continue
    }
    const following = current.nextSibling
    morphNode(current, next)
    current = following
  }
  while (current) {
    const following = current.nextSibling
    current.remove()
    current = following
  }
}

function morphNode(from: ChildNode, to: ChildNode): void {
  if (from instanceof Text && to instanceof Text) {
    if (to.data === from.data) return
    if (to.data.startsWith(from.data)) from.appendData(to.data.slice(from.data.length))
    else from.data = to.data
  } else if (from instanceof Element && to instanceof Element && from.nodeName === to.nodeName) {
    for (const { name } of [...from.attributes]) if (!to.hasAttribute(name)) from.removeAttribute(name)
    for (const { name, value } of [...to.attributes]) {
      if (from.getAttribute(name) !== value) from.setAttribute(name, value)
    }
    morph(from, to)
  } else {
    from.replaceWith(to)
  }
}
