import { serviceEnvironment } from '../../support/app.ts';
import { send } from '../../support/http.ts';
import { ServiceProcess } from '../../support/service-process.ts';
import { createTestDatabase, type TestDatabase, testRedis } from '../../support/services.ts';
import { signToken } from '../../support/tokens.ts';

const PROGRAM = '../../test/load/load-host.mjs';

/** A database and a Redis prefix of one suite's own, and the processes that share them. */
export class Lab {
  readonly redis = testRedis();
  readonly #processes: ServiceProcess[] = [];

  private constructor(readonly database: TestDatabase) {}

  static async open(): Promise<Lab> {
    return new Lab(await createTestDatabase());
  }

  /** A process of the built service that also knows the handlers of `load-host.mjs`. */
  async start(variables: Record<string, string> = {}): Promise<ServiceProcess> {
    const environment = {
      ...serviceEnvironment(this.database.url, this.redis),
      PROGRESS_INTERVAL_MS: '250',
      STREAM_BACKSTOP_MS: '5000',
      ...variables,
    };
    const process = await ServiceProcess.start(environment, PROGRAM);
    this.#processes.push(process);
    return process;
  }

  async close(): Promise<void> {
    await Promise.all(this.#processes.map((process) => process.stop()));
    await this.database.drop();
  }
}

export const SCOPE = 'jobs:read jobs:write jobs:tenant';

export function tokenOf(subject: string): Promise<string> {
  return signToken({ subject, scope: SCOPE });
}

/** Submits a job as `alice`; resolves to its id. */
export async function submit(url: string, type: string, payload: object, rest: object = {}): Promise<string> {
  const body = { type, payload, ...rest };
  const answer = await send(`${url}/jobs`, { method: 'POST', token: await tokenOf('alice'), body });
  if (answer.status !== 202) throw new Error(`POST /jobs answered ${answer.status}: ${answer.text}`);
  return answer.json<{ job: { id: string } }>().job.id;
}

export async function cancel(url: string, id: string): Promise<void> {
  const answer = await send(`${url}/jobs/${id}/cancel`, { method: 'POST', token: await tokenOf('alice') });
  if (answer.status !== 202) throw new Error(`cancel answered ${answer.status}: ${answer.text}`);
}

/** The values of these metrics, as the process tells them. */
export async function metrics<Name extends string>(
  url: string,
  ...names: Name[]
): Promise<Record<Name, number>> {
  const { text } = await send(`${url}/metrics`);
  const values = names.map((name) => [name, Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1])]);
  return Object.fromEntries(values) as Record<Name, number>;
}

/** One line of figures, for whoever runs the suite. */
export function print(figures: string): void {
  process.stdout.write(`[load] ${figures}\n`);
}

export function median(values: number[]): number {
  return quantile(values, 0.5);
}

export function quantile(values: number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
}
