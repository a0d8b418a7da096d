import { sha256 } from '../util/sha256'
import type { ByteSource } from './byte-source'

const samples = 64
const sampleBytes = 4096

/**
 * Identity of a file that is not read whole for it: its size and the SHA-256 of samples spread evenly over it, the
 * first and the last bytes among them. Files of two models differ in nearly every sample; one that was changed in a
 * few places on purpose may pass for the other.
 *
 * @throws OctavoError where the file cannot be read
 */
export async function fingerprint(source: ByteSource, signal: AbortSignal): Promise<string> {
  const { bytes } = source
  const whole = samples * sampleBytes
  const parts = new Uint8Array(Math.min(bytes, whole))
  const nothing = () => undefined
  if (bytes <= whole) await source.read(0, parts, signal, nothing)
  else {
    for (let i = 0; i < samples; i++) {
      const begin = Math.floor((i * (bytes - sampleBytes)) / (samples - 1))
      await source.read(begin, parts.subarray(i * sampleBytes, (i + 1) * sampleBytes), signal, nothing)
    }
  }
  return `${bytes} bytes, samples ${await sha256(parts)}`
}
