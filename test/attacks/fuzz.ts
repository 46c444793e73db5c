import * as fc from 'fast-check';
import { WireClient, type WireAnswer } from '../support/wire.ts';
import { type FuzzedRequest, fuzzedRequests, type Ingredients } from './fuzzed-requests.ts';

const BATCH = 500;
const CLIENTS = 24;

export interface Outcome {
  sent: number;
  /** How often each status was answered; 0: the connection was closed without an answer. */
  statuses: Record<number, number>;
  /** What must not be, with the request that did it. */
  violations: string[];
}

/** Sends that many requests on many connections; the seed decides which. */
export async function fuzz(
  url: string,
  ingredients: Ingredients,
  {
    requests,
    seed,
    check,
  }: { requests: number; seed: number; check: (answer: WireAnswer, method: string) => string | null },
): Promise<Outcome> {
  const outcome: Outcome = { sent: 0, statuses: {}, violations: [] };
  const source = batches(fuzzedRequests(ingredients), requests, seed);
  const judge = ({ method, bytes, broken }: FuzzedRequest, answer: WireAnswer): void => {
    outcome.sent += 1;
    outcome.statuses[answer.status] = (outcome.statuses[answer.status] ?? 0) + 1;
    // A changed byte may have made it another method.
    const wrong = check(answer, broken ? firstWord(bytes) : method);
    if (wrong)
      outcome.violations.push(
        `${wrong}\n${bytes.toString('latin1').slice(0, 2_000)}\n${answer.head}\n${answer.body.slice(0, 1_000)}`,
      );
  };
  await Promise.all(Array.from({ length: CLIENTS }, () => sendAll(url, source, judge)));
  return outcome;
}

async function sendAll(
  url: string,
  source: Iterator<FuzzedRequest, undefined>,
  judge: (request: FuzzedRequest, answer: WireAnswer) => void,
): Promise<void> {
  let client = new WireClient(url);
  for (let next = source.next(); !next.done; next = source.next()) {
    const request = next.value;
    const answer = request.broken
      ? await client.last(request.bytes)
      : await client.exchange(request.bytes, request.method);
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

function firstWord(bytes: Buffer): string {
  return bytes.toString('latin1', 0, 12).split(' ', 1)[0] ?? '';
}
