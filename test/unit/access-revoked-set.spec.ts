import { describe, expect, it } from '@jest/globals';
import type { Caller } from '../../src/access/caller.ts';
import { marksOf, RevokedSet } from '../../src/access/revoked-set.ts';
import type { Revocable } from '../../src/store/revocation-store.ts';

const AT = new Date('2026-01-01T12:00:00.000Z');
const before = new Date(AT.getTime() - 1);
const after = new Date(AT.getTime() + 1);

function caller(parts: Partial<Caller> = {}): Caller {
  const scopes = new Set(['jobs:read']);
  return { tenant: 'acme', subject: 'alice', scopes, expiresAt: null, job: null, ...parts };
}

function covers(revocable: Revocable, who: Caller): boolean {
  return new RevokedSet([{ ...revocable, at: AT, number: '1' }]).covers(marksOf(who));
}

const TENANT = { kind: 'tenant', tenant: 'acme', value: '' } as const;
const SUBJECT = { kind: 'subject', tenant: 'acme', value: 'alice' } as const;

describe.each([
  ['a tenant', TENANT],
  ['a subject', SUBJECT],
])('the revocation of %s', (_title, revocable) => {
  it('covers what was issued until then, to the millisecond', () => {
    expect(covers(revocable, caller({ issuedAt: before }))).toBe(true);
    expect(covers(revocable, caller({ issuedAt: AT }))).toBe(true);
    expect(covers(revocable, caller({ issuedAt: after }))).toBe(false);
  });

  it('covers a credential that does not say when it was issued', () => {
    expect(covers(revocable, caller())).toBe(true);
  });

  it('leaves other tenants alone', () => {
    expect(covers(revocable, caller({ tenant: 'umbrella', issuedAt: before }))).toBe(false);
  });
});

describe('a revocation', () => {
  it('of a subject leaves the others of the tenant alone', () => {
    expect(covers(SUBJECT, caller({ subject: 'bob', issuedAt: before }))).toBe(false);
  });

  it.each(['token', 'key'] as const)('of a %s covers it whenever it was issued, and nothing else', (kind) => {
    const revocable = { kind, tenant: '', value: 'x' };
    const withId = (id: string): Caller => caller(kind === 'token' ? { tokenId: id } : { apiKey: id });
    expect(covers(revocable, withId('x'))).toBe(true);
    expect(covers(revocable, caller({ ...withId('x'), issuedAt: after }))).toBe(true);
    expect(covers(revocable, withId('y'))).toBe(false);
    expect(covers(revocable, caller(kind === 'token' ? { apiKey: 'x' } : { tokenId: 'x' }))).toBe(false);
  });

  it('of a job covers what was bound to it until then', () => {
    const revocable = { kind: 'job', tenant: '', value: 'j' } as const;
    expect(covers(revocable, caller({ job: 'j', boundAt: before }))).toBe(true);
    expect(covers(revocable, caller({ job: 'j' }))).toBe(true);
    expect(covers(revocable, caller({ job: 'j', boundAt: after, issuedAt: before }))).toBe(false);
    expect(covers(revocable, caller({ job: 'k', boundAt: before }))).toBe(false);
    expect(covers(revocable, caller())).toBe(false);
  });

  it('cannot be confused with another by the way its names are written', () => {
    const revocable = { kind: 'subject', tenant: 'a","b', value: 'c' } as const;
    expect(covers(revocable, caller({ tenant: 'a', subject: 'b","c' }))).toBe(false);
    expect(covers(revocable, caller({ tenant: 'a","b', subject: 'c' }))).toBe(true);
  });

  it('is replaced by a later one of the same', () => {
    const set = new RevokedSet([{ ...SUBJECT, at: AT, number: '1' }]);
    set.add({ ...SUBJECT, at: new Date(AT.getTime() + 10), number: '2' });
    expect(set.size).toBe(1);
    expect(set.covers(marksOf(caller({ issuedAt: after })))).toBe(true);
  });
});
