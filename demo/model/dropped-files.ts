/**
 * The files that were dropped, those in folders with their paths as names. To be called while the event is handled:
 * afterwards the items are gone.
 */
export async function droppedFiles({ items }: DataTransfer): Promise<File[]> {
  const dropped = Array.from(items, (item) => ({ entry: item.webkitGetAsEntry(), file: item.getAsFile() }))
  const files = await Promise.all(
    dropped.map(({ entry, file }) => (entry?.isDirectory ? filesIn(entry) : file ? [file] : [])),
  )
  return files.flat()
}

async function filesIn(entry: FileSystemEntry): Promise<File[]> {
  if (isFile(entry)) {
    const file = await new Promise<File>((resolve, reject) => entry.file(resolve, reject))
    return [new File([file], entry.fullPath.replace(/^\//, ''))]
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader()
  const files: File[] = []
  // A directory is read in parts; an empty one is the last.
  for (let part = await readPart(reader); part.length > 0; part = await readPart(reader)) {
    files.push(...(await Promise.all(part.map(filesIn))).flat())
  }
  return files
}

function isFile(entry: FileSystemEntry): entry is FileSystemFileEntry {
  return entry.isFile
}

function readPart(reader: FileSystemDirectoryReader): Promise<FileSystemEntry[]> {
  return new Promise((resolve, reject) => reader.readEntries(resolve, reject))
}
