import { GuardedChild } from './child.ts';

/**
 * Waits until the pipe closes, then removes the folders in its arguments. Servers that lose their owner at the same
 * moment may still write, so it tries again for at most 15 s.
 */
const REMOVE = `
read -r _
ticks=150
while [ "$ticks" -gt 0 ]; do
  rm -rf -- "$@" 2>/dev/null && exit 0
  sleep 0.1
  ticks=$((ticks - 1))
done
exit 1
`;

/** Removes folders on `remove()`, and when this process ends in any other way. */
export class ThrowAwayFolders {
  readonly #folders: string[];
  readonly #child: GuardedChild;

  constructor(folders: string[]) {
    this.#folders = folders;
    this.#child = new GuardedChild({
      script: REMOVE,
      args: folders,
      cwd: '/',
      logFile: null,
      user: null,
      env: { PATH: process.env['PATH'] },
    });
    this.#child.unref();
  }

  async remove(): Promise<void> {
    await this.#child.stop(20_000);
    const cause = await this.#child.exited;
    if (cause !== 'exit code 0')
      throw new Error(`${this.#folders.join(' and ')} could not be removed (${cause}).`);
  }
}
