import * as fc from 'fast-check';
import { WireClient, type WireAnswer } from '../support/wire.ts';
import { type FuzzedRequest, fuzzedRequests, type Ingredients } from './fuzzed-requests.ts';

const BATCH = 500;
const CLIENTS = 24;

export interface Outcome {
  sent: number;
  /** How often each status was answered; 0: the connection was closed without an answer. */
  statuses: Record<number, number>;
  /** The statuses of each route, where it was asked by its own method. */
  byRoute: Map<string, Set<number>>;
  /** What must not be, with the request that did it. */
  violations: string[];
}

type Check = (answer: WireAnswer, request: FuzzedRequest) => string | null;

/** Sends that many requests on many connections; the seed decides which. */
export async function fuzz(
  url: string,
  ingredients: Ingredients,
  { requests, seed, check }: { requests: number; seed: number; check: Check },
): Promise<Outcome> {
  const outcome: Outcome = { sent: 0, statuses: {}, byRoute: new Map(), violations: [] };
  const source = batches(fuzzedRequests(ingredients), requests, seed);
  const judge = (request: FuzzedRequest, answer: WireAnswer): void => {
    note(outcome, request, answer);
    const wrong = check(answer, request);
    if (wrong)
      outcome.violations.push(
        `${wrong}\n${request.bytes.toString('latin1').slice(0, 2_000)}\n${answer.head}\n${answer.body.slice(0, 1_000)}`,
      );
  };
  await Promise.all(Array.from({ length: CLIENTS }, () => sendAll(url, source, judge)));
  return outcome;
}

function note(outcome: Outcome, { route }: FuzzedRequest, { status }: WireAnswer): void {
  outcome.sent += 1;
  outcome.statuses[status] = (outcome.statuses[status] ?? 0) + 1;
  if (route === null) return;
  outcome.byRoute.set(route, (outcome.byRoute.get(route) ?? new Set()).add(status));
}

async function sendAll(
  url: string,
  source: Iterator<FuzzedRequest, undefined>,
  judge: (request: FuzzedRequest, answer: WireAnswer) => void,
): Promise<void> {
  let client = new WireClient(url);
  for (let next = source.next(); !next.done; next = source.next()) {
    const request = next.value;
    const { bytes, method } = request;
    const answer = await (request.broken ? client.last(bytes, method) : client.exchange(bytes, method));
    judge(request, answer);
    if (answer.reusable && !request.broken) continue;
    client.destroy();
    client = new WireClient(url);
  }
  client.destroy();
}

/** Made in batches, so that a hundred thousand need no memory. */
function* batches(
  requests: fc.Arbitrary<FuzzedRequest>,
  count: number,
  seed: number,
): Generator<FuzzedRequest, undefined> {
  for (let made = 0; made < count; made += BATCH) {
    const numRuns = Math.min(BATCH, count - made);
    yield* fc.sample(requests, { numRuns, seed: seed + made });
  }
  return undefined;
}
