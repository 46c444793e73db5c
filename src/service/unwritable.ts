const REFUSED: unknown[] = ['EACCES', 'EPERM', 'EROFS'];

/** Does what writes. Where the file system does not let it, the error names what cannot be written, and the way out. */
export async function writing<T>(what: string, wayOut: string, write: () => T | Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (!REFUSED.includes(code)) throw cause;
    throw new Error(`${what} cannot be written (${code}). ${wayOut}`, { cause });
  }
}
