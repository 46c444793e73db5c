import { createHmac, generateKeyPairSync } from 'node:crypto';
import { claims, forge, hmac, seconds, segment, without } from './forge.ts';

export type Forgeries = [title: string, token: string][];

const OTHER_SECRET = 'another secret of thirty-two bytes or more';

/** What `alg` of a token may be called that nobody signed. */
const NONE = [
  'none',
  'None',
  'NONE',
  'nOnE',
  'NoNe',
  '',
  ' none',
  'none\u0000',
  'null',
  'HS256\u0000',
  'hs256',
  'HS256 ',
];

/** Tokens that nobody signed, in every way to say so. */
export function unsigned(): Forgeries {
  return [...NONE, null, 0, [], ['none'], ['HS256'], {}, true].flatMap((alg) => {
    const signed = `${segment({ alg, typ: 'JWT' })}.${segment(claims())}`;
    return [
      [`alg ${JSON.stringify(alg)} and no signature`, `${signed}.`],
      [`alg ${JSON.stringify(alg)} and two segments`, signed],
      [`alg ${JSON.stringify(alg)} and a signature of zeros`, `${signed}.${'A'.repeat(43)}`],
    ] as Forgeries;
  });
}

const KEY_IDS = [
  '../../../../dev/null',
  '/dev/null',
  '/proc/sys/kernel/randomize_va_space',
  'file:///dev/null',
  "' UNION SELECT 'secret' -- ",
  '"; DROP TABLE jobs.job; --',
  'http://127.0.0.1:1/keys',
  '\u0000',
  '__proto__',
  'constructor',
  'x'.repeat(2_000),
  '$(id)',
  '',
];

/** Headers that name the key to trust: a file that is empty, a table, a URL, the attacker's own key. */
export function keyInjections(): Forgeries {
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'own', alg: 'RS256' };
  const secretJwk = { kty: 'oct', k: segment(OTHER_SECRET), alg: 'HS256' };
  const headers: [string, object][] = [
    ...KEY_IDS.map((kid): [string, object] => [`kid ${JSON.stringify(kid).slice(0, 40)}`, { kid }]),
    ['an embedded jwk', { jwk: secretJwk }],
    ['an embedded public jwk', { jwk }],
    ['jku', { jku: 'http://127.0.0.1:1/keys', kid: 'own' }],
    ['x5u', { x5u: 'http://127.0.0.1:1/chain.pem' }],
    ['x5c', { x5c: [publicKey.export({ format: 'der', type: 'spki' }).toString('base64')] }],
    ['x5t', { x5t: segment('thumbprint') }],
  ];
  return headers.flatMap(([title, header]) =>
    ['', OTHER_SECRET, '\u0000'].map((secret): [string, string] => [
      `${title}, signed with ${JSON.stringify(secret)}`,
      forge({ alg: 'HS256', ...header }, claims(), secret),
    ]),
  );
}

const NAMES = [null, 0, 1, true, [], ['acme'], {}, { $ne: null }, '', 'a\u0000', '\ud800', 'x'.repeat(256)];
const TIMES = [null, '9999999999', [], [9_999_999_999], {}, true, ''];

/** Signed by the issuer, and still worth nothing: a claim is missing, of another kind, or does not hold. */
export function wrongClaims(): Forgeries {
  const say = (parts: Record<string, unknown>): [string, string] => [
    JSON.stringify(parts).slice(0, 60),
    forge(undefined, claims(parts)),
  ];
  return [
    ...['iss', 'aud', 'exp', 'sub', 'tenant'].map((name): [string, string] => [`no ${name}`, without(name)]),
    ...NAMES.flatMap((value) => [say({ sub: value }), say({ tenant: value }), say({ jti: value })]),
    ...NAMES.map((value) => say({ iss: value })),
    ...NAMES.map((value) => say({ aud: value })),
    ...TIMES.flatMap((value) => [say({ exp: value }), say({ nbf: value }), say({ iat: value })]),
    say({ exp: seconds(-61) }),
    say({ exp: 0 }),
    say({ exp: -1e300 }),
    say({ nbf: seconds(61) }),
    say({ nbf: 1e300 }),
    say({ iat: seconds(61) }),
    [
      'exp in 1970, written as a number too large',
      forge(undefined, JSON.stringify(claims()).replace(/"exp":\d+/, '"exp":-1e999')),
    ],
    ...['[]', 'null', '"text"', '1', '', '{', '{"sub":', '['.repeat(2_000)].map((text): [string, string] => [
      `claims ${text.slice(0, 20)}`,
      forge(undefined, text),
    ]),
  ];
}

/** Taken apart and put together again. */
export function wrongShapes(): Forgeries {
  const token = forge();
  const [header = '', payload = '', signature = ''] = token.split('.');
  const signed = `${header}.${payload}`;
  const twice = JSON.stringify(claims()).replace('{', '{"exp":9999999999,"tenant":"globex",');
  return [
    ['two segments', signed],
    ['four segments', `${token}.x`],
    ['five segments, as a JWE has', `${token}.x.y`],
    ['an unsecured JWE', `${segment({ alg: 'none', enc: 'none' })}...${payload}.`],
    [
      'a JWE with dir',
      `${segment({ alg: 'dir', enc: 'A256GCM' })}..${segment('iv')}.${payload}.${segment('tag')}`,
    ],
    ['an empty header', `.${payload}.${signature}`],
    ['an empty payload', `${header}..${hmac(`${header}.`)}`],
    ['a cut signature', token.slice(0, -4)],
    ['a longer signature', `${token}AAAA`],
    ['a signature of other bytes', `${signed}.${signature.slice(0, -5)}AAAAA`],
    ['a padded signature', `${token}=`],
    ['two alg, the first none', `${segment('{"alg":"none","alg":"HS256"}')}.${payload}.`],
    ['two alg, the last none', `${segment('{"alg":"HS256","alg":"none"}')}.${payload}.`],
    ['claims twice, under the old signature', `${header}.${segment(twice)}.${signature}`],
    ['another secret', forge(undefined, claims(), OTHER_SECRET)],
    ['an empty secret', forge(undefined, claims(), '')],
    ['no alg', forge({ typ: 'JWT' })],
    ['no header', forge('null')],
    ['a header that is a list', forge('[{"alg":"HS256"}]')],
    ['alg in the prototype', forge('{"__proto__":{"alg":"HS256"}}')],
    ['an unknown crit', forge({ alg: 'HS256', crit: ['exp'], exp: seconds(60) })],
    ['an empty crit', forge({ alg: 'HS256', crit: [] })],
    ['crit that is text', forge({ alg: 'HS256', crit: 'b64' })],
    ['an unencoded payload', forge({ alg: 'HS256', crit: ['b64'], b64: false })],
    ...['sha384', 'sha512'].map((hash): [string, string] => {
      const own = `${segment({ alg: hash.replace('sha', 'HS') })}.${payload}`;
      const secret = 'thirty-two bytes or more, known to the tests alone';
      return [
        `${hash} with the right secret`,
        `${own}.${createHmac(hash, secret).update(own).digest('base64url')}`,
      ];
    }),
    ['10 kB', forge(undefined, claims({ filler: 'x'.repeat(10_000) }))],
  ];
}
