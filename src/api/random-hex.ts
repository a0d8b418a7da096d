/** Random bytes in hexadecimal; unlike `crypto.randomUUID`, also on an insecure page, where an error must be said. */
export function randomHex(bytes: number): string {
  const random = crypto.getRandomValues(new Uint8Array(bytes))
  return Array.from(random, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
