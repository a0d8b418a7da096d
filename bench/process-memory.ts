import { readFile } from 'node:fs/promises'
import type { Browser } from 'playwright'

/** Bytes of memory that the browser's processes of a type hold now. Linux only: 0 elsewhere. */
export async function processBytes(browser: Browser, type: 'renderer' | 'GPU'): Promise<number> {
  const session = await browser.newBrowserCDPSession()
  try {
    const { processInfo } = await session.send('SystemInfo.getProcessInfo')
    const each = await Promise.all(
      processInfo.filter((process) => process.type === type).map(({ id }) => residentBytes(id)),
    )
    return each.reduce((sum, bytes) => sum + bytes, 0)
  } finally {
    await session.detach()
  }
}

/** A process that has ended holds nothing. */
async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  return 1024 * Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0)
}
