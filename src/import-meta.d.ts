interface ImportMetaEnv {
  /** A hash of the library's sources; not there where it is not built. */
  readonly OCTAVO_SOURCES?: string
}
