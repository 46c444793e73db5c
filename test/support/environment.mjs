import { setTimeout as delay } from 'node:timers/promises';
import { TestEnvironment } from 'jest-environment-node';

/** What has been closed may take this long to be gone, on a busy machine. */
const PATIENCE_MS = 10_000;
const LOOK_MS = 10;

/**
 * Node's environment of a test file, which fails a file that leaves something open: a socket, a server, a process, a
 * timer. Jest itself only tells that one of many files did, and takes a busy machine for it.
 */
// oxlint-disable-next-line import/no-default-export -- Jest takes an environment from the default export
export default class TidyEnvironment extends TestEnvironment {
  #file;
  #failed = false;
  #openBefore = [];

  constructor(config, context) {
    super(config, context);
    this.#file = context.testPath;
  }

  async setup() {
    await super.setup();
    // The process's own, which open with the first look at them: libraries for terminals look when they are loaded.
    void process.stdin;
    void process.stdout;
    void process.stderr;
    this.#openBefore = process.getActiveResourcesInfo();
  }

  /** Why a test failed says more than what it then left open. */
  handleTestEvent({ name }) {
    if (name === 'test_fn_failure' || name === 'hook_failure') this.#failed = true;
  }

  async teardown() {
    await super.teardown();
    if (this.#failed) return;
    const until = Date.now() + PATIENCE_MS;
    let left = this.#leftOpen();
    while (left.length > 0 && Date.now() < until) {
      await delay(LOOK_MS);
      left = this.#leftOpen();
    }
    if (left.length > 0) throw new Error(`${this.#file} has left something open: ${left.join(', ')}.`);
  }

  /** What keeps the process alive now and did not before the file, by its kind. */
  #leftOpen() {
    const before = [...this.#openBefore];
    return process.getActiveResourcesInfo().filter((kind) => {
      const known = before.indexOf(kind);
      if (known >= 0) before.splice(known, 1);
      return known < 0;
    });
  }
}
