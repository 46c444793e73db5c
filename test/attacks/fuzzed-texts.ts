import * as fc from 'fast-check';

/** Texts that somebody has tripped over, as they stand in a path or a query. */
export const NASTY = [
  '',
  '%00',
  '%0d%0aX-Injected:%201',
  '..%2f..%2fetc%2fpasswd',
  '%c0%ae%c0%ae%c0%af',
  '%ff',
  '%',
  '%u0000',
  '__proto__',
  'constructor',
  "'%20OR%201=1--",
  "1';DROP%20TABLE%20jobs.job;--",
  '1.0',
  '0.0',
  '-1',
  '1e400',
  '99999999999999999999',
  'NaN',
  '%F0%9F%92%A9',
  '%ED%A0%80',
  '{{7*7}}',
  '$%7Bjndi:ldap://x%7D',
  '<script>',
  'queued',
  'payload',
  'shared',
  'demo.steps',
  'globex',
  'index.js',
];

/** Any characters of these, which need not be a valid text. */
export const characters = (min: number, max: number, maxLength: number): fc.Arbitrary<string> =>
  fc.array(fc.integer({ min, max }), { maxLength }).map((codes) => String.fromCharCode(...codes));

export const rubbish = characters(0x21, 0x7e, 40);
/** A field value may be any bytes but controls. */
export const fieldValue = fc.oneof(
  fc.constantFrom(...NASTY),
  rubbish,
  characters(0xa0, 0xff, 20),
  fc.integer({ min: 1, max: 9_000 }).map((length) => 'x'.repeat(length)),
);
/** Between two slashes, or between `=` and `&`. */
export const segment = fc.oneof(
  fc.constantFrom(...NASTY),
  rubbish.map((text) => text.replaceAll(/[?#/]/g, '-')),
);
