import { type Precision, precisions } from '../src/util/precision.ts'

/** What `--precision NAME` stands for. */
export function precisionNamed(name: string): Precision {
  const found = precisions.find((each) => each === name)
  if (!found) throw new Error(`--precision is '${name}', not one of ${precisions.join(', ')}`)
  return found
}
