/**
 * What the page's own server offers: the contents of `octavo.json` beside the page. Null where there is none, as on a
 * static host; that is no error.
 */
export async function offeredByServer(): Promise<unknown> {
  try {
    const response = await fetch(new URL('octavo.json', document.baseURI), { cache: 'no-cache' })
    return response.ok ? await response.json() : null
  } catch {
    return null
  }
}
