import { describe, expect, it } from '@jest/globals';
import { callerFrom, type CallerInput } from '../../src/access/caller.ts';
import { type AccessRange, JobsAccess } from '../../src/access/jobs-access.ts';
import { Permit } from '../../src/access/permit.ts';

const ANN = { tenant: 'acme', subject: 'ann', scopes: ['jobs:read', 'jobs:write'] };
const LATER = new Date(Date.now() + 60_000);

/** A host in plain JavaScript, which no compiler has checked. */
class Host extends JobsAccess {
  answer: unknown = true;
  rangeAnswer: unknown = null;

  authenticate(): CallerInput {
    return ANN;
  }

  override may(): boolean {
    return this.answer as boolean;
  }

  override range(): AccessRange {
    return this.rangeAnswer as AccessRange;
  }
}

describe('a caller as a host names one', () => {
  it('has what is documented, whatever else the host spreads into it', () => {
    const user = { apiKey: 'sk_live_secret', job: 'engineer', boundAt: 'x', email: 'ann@acme.test' };

    expect(callerFrom({ ...user, ...ANN, expiresAt: LATER, issuedAt: LATER, tokenId: 't' })).toEqual({
      tenant: 'acme',
      subject: 'ann',
      scopes: new Set(['jobs:read', 'jobs:write']),
      expiresAt: LATER,
      job: null,
      issuedAt: LATER,
      tokenId: 't',
    });
  });

  it.each([
    ['tenant', { tenant: '' }],
    ['subject', { subject: 7 }],
    ['expiresAt', { expiresAt: new Date('nonsense') }],
    ['expiresAt', { expiresAt: 1_800_000_000 }],
    ['issuedAt', { issuedAt: '2026-01-01' }],
    ['tokenId', { tokenId: 'a\u0000' }],
    ['scopes', { scopes: ['jobs:read', '\u0000'] }],
  ])('is refused by name for a wrong %s', (name, wrong) => {
    expect(() => callerFrom({ ...ANN, ...wrong } as unknown as CallerInput)).toThrow(name);
  });
});

describe('a policy that answers what is no answer', () => {
  const caller = callerFrom(ANN);

  it.each([Promise.resolve(false), Promise.resolve(true), 'yes', 1, undefined])(
    'has not said yes: %p',
    (answer) => {
      const host = new Host();
      host.answer = answer;

      expect(() => new Permit(caller, host).require('read')).toThrow('You may not do this');
    },
  );

  it.each([{}, { tenant: 'acme' }, { tenant: undefined, owner: null }, { tenant: null, owner: 1 }])(
    'reaches nothing: the range %p',
    (range) => {
      const host = new Host();
      host.rangeAnswer = range;

      expect(() => new Permit(caller, host).visibility('read')).toThrow('JobsAccess.range() must return');
    },
  );
});
