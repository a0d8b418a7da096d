/** How the parts of a model that is split are called, in both formats. */
const partPattern = /^(.+)-(\d{5})-of-(\d{5})(\.gguf|\.safetensors)$/i
/** Above what is known; each is asked for by its name. */
export const mostFiles = 1000

/** The names of all parts of the model that a file is a part of; the name alone where it is no part. */
export function partsOf(path: string): readonly string[] {
  const [, prefix, number, digits, extension] = partPattern.exec(path) ?? []
  const count = Number(digits)
  if (
    digits === undefined ||
    count < 1 ||
    count > mostFiles ||
    Number(number) < 1 ||
    Number(number) > count
  ) {
    return [path]
  }
  return Array.from(
    { length: count },
    (_, i) => `${prefix}-${String(i + 1).padStart(5, '0')}-of-${digits}${extension}`,
  )
}
