import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

export interface ChildOptions {
  program: 'host.mjs' | 'nest.mjs' | 'bare.mjs' | 'viewers.ts';
  env?: Record<string, string>;
  /** Options of Node itself. */
  execArgv: string[];
}

interface Message {
  ready?: string;
  ask?: number;
  answer?: unknown;
}

const ANSWER_MS = 60_000;

/** A process of the bench that answers questions over its IPC channel. It ends with the process that started it. */
export class Child {
  #asked = 0;
  readonly #waiting = new Map<number, (answer: unknown) => void>();

  private constructor(
    private readonly child: ChildProcess,
    private readonly name: string,
  ) {
    child.on('message', ({ ask, answer }: Message) => {
      if (ask === undefined) return;
      this.#waiting.get(ask)?.(answer);
      this.#waiting.delete(ask);
    });
  }

  /**
   * Starts a process and waits until it is ready. Resolves to the process and its address (empty if it does not
   * listen).
   */
  static async start({ program, env, execArgv }: ChildOptions): Promise<{ child: Child; url: string }> {
    const { PATH, HOME } = process.env;
    const forked = fork(join(import.meta.dirname, program), {
      env: { PATH, HOME, NODE_ENV: 'production', ...env },
      execArgv: ['--no-warnings', ...execArgv],
      // Answers contain tens of thousands of samples, which JSON would make slow.
      serialization: 'advanced',
    });
    const child = new Child(forked, program);
    const ended = once(forked, 'exit').then(([code]) => {
      throw new Error(`${program} ended with ${code} before it was ready.`);
    });
    const [{ ready }] = (await Promise.race([once(forked, 'message'), ended])) as [Message];
    ended.catch(() => undefined);
    return { child, url: ready ?? '' };
  }

  /** Asks the process a question. Rejects when it does not answer within a minute. */
  ask<Answer>(question: string, details: object = {}): Promise<Answer> {
    this.#asked += 1;
    const ask = this.#asked;
    return new Promise<Answer>((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`${this.name} did not answer ${question}.`)),
        ANSWER_MS,
      );
      this.#waiting.set(ask, (answer) => {
        clearTimeout(timer);
        resolve(answer as Answer);
      });
      this.child.send({ ask, question, ...details });
    });
  }

  async stop(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const exited = once(this.child, 'exit');
    // Programs exit when the channel closes. A signal would keep them from writing their profiles.
    this.child.disconnect();
    await exited;
  }
}
