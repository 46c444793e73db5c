import * as fc from 'fast-check';
import { characters } from './fuzzed-texts.ts';

const LATEST = new Date('2200-01-01');

/** A value that is this one most of the time, and anything else otherwise. */
function mostly(valid: fc.Arbitrary<unknown>, other: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  return fc.oneof({ weight: 8, arbitrary: valid }, { weight: 1, arbitrary: other });
}

/** What each route takes, nearly right most of the time. */
function shapes(id: fc.Arbitrary<string>, foreignId: fc.Arbitrary<string>) {
  const value = fc.oneof(
    fc.jsonValue({ maxDepth: 3 }),
    foreignId,
    fc.constantFrom('\u0000', '\ud800', 1e308, -0, '__proto__'),
  );
  const tags = fc.oneof(fc.constant(['shared']), fc.array(characters(0, 0xffff, 66), { maxLength: 18 }));
  const submit = fc.record(
    {
      type: mostly(fc.constant('demo.steps'), value),
      payload: mostly(fc.constant({ steps: 2, stepMs: 0 }), value),
      runAt: mostly(fc.constant('2100-01-01T00:00:00Z'), value),
      priority: mostly(fc.integer({ min: 0, max: 9 }), value),
      tags: mostly(tags, value),
      maxAttempts: mostly(fc.constant(1), value),
    },
    { requiredKeys: ['type', 'payload'] },
  );
  const ticket = fc.oneof(
    fc.constant({ feed: true }),
    fc.record({ jobs: fc.array(id, { maxLength: 3 }), feed: value }, { requiredKeys: [] }),
  );
  // Neither the attacker's tenant nor their jobs: whoever is revoked attacks no more.
  const revocation = fc.oneof(
    fc.record({ job: foreignId }),
    fc.record(
      { tenant: fc.constantFrom('nobody', '__proto__'), subject: value },
      { requiredKeys: ['tenant'] },
    ),
    fc.record({ tokenId: value, key: value, subject: value, job: value }, { requiredKeys: [] }),
  );
  const apiKey = fc.record(
    {
      name: mostly(fc.constant('a name'), value),
      subject: mostly(fc.constant('robot'), value),
      tenant: mostly(fc.constant('acme'), value),
      scopes: mostly(fc.constant(['jobs:read']), value),
      expiresAt: mostly(
        fc
          .date({ min: new Date('2050-01-01'), max: LATEST, noInvalidDate: true })
          .map((at) => at.toISOString()),
        value,
      ),
    },
    { requiredKeys: ['name', 'subject', 'scopes'] },
  );
  return { submit, ticket, revocation, apiKey, value };
}

/** Bodies for a route: what it takes, what another one takes, and what nothing can read. */
export function bodiesFor(
  path: string,
  id: fc.Arbitrary<string>,
  foreignId: fc.Arbitrary<string>,
): fc.Arbitrary<string> {
  const { submit, ticket, revocation, apiKey, value } = shapes(id, foreignId);
  const own: Record<string, fc.Arbitrary<unknown>> = {
    '/jobs': submit,
    '/tickets': ticket,
    '/revocations': revocation,
    '/api-keys': apiKey,
  };
  const objects = fc
    .oneof({ weight: 8, arbitrary: own[path] ?? value }, submit, ticket, revocation, apiKey, value)
    .map((body) => JSON.stringify(body));
  const deep = fc.integer({ min: 1, max: 33_000 }).map((levels) => '['.repeat(levels) + ']'.repeat(levels));
  return fc.oneof(
    { weight: 10, arbitrary: objects },
    characters(0, 0xffff, 200),
    objects.map((text) => text.slice(0, text.length / 2)),
    deep,
  );
}
