import { createPublicKey } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { ANY_ADAPTER, type Adapter, startApp, type TestApp } from '../support/app.ts';
import { loggedUnder } from '../support/collected-log.ts';
import { eventually } from '../support/eventually.ts';
import { claims, forge, segment } from './forge.ts';
import { ALGORITHMS, KeyServer } from './key-server.ts';
import { keyInjections, unsigned, wrongClaims, wrongShapes } from './token-forgeries.ts';

const MINUTE = 60_000;
let keys: KeyServer;
let app: TestApp;

async function start(adapter: Adapter): Promise<void> {
  keys = await KeyServer.start();
  await keys.rotate('first');
  app = await startApp({ adapter, environment: { JWT_SECRET: '', JWKS_URL: keys.url } });
}

async function stop(): Promise<void> {
  await app.close();
  await keys.close();
}

async function statusOf(token: string): Promise<number> {
  return (await app.send('/jobs', { headers: { authorization: `Bearer ${token}` } }, null)).status;
}

const now = Date.now.bind(Date);
let ahead = 0;

/** From now on it is so much later than it was. */
function later(milliseconds: number): void {
  ahead += milliseconds;
  jest.spyOn(Date, 'now').mockImplementation(() => now() + ahead);
}

describe.each(ANY_ADAPTER)('Where tokens are signed with keys of a set, %s refuses tokens', (adapter) => {
  beforeAll(async () => {
    await start(adapter);
    for (const alg of [...ALGORITHMS, 'PS256', 'RS512', 'ES384']) await keys.add(alg, alg);
  });
  afterAll(stop);

  it('of everything that is forged, and takes the pinned algorithms', async () => {
    for (const alg of ALGORITHMS) expect(await statusOf(await keys.token(alg))).toBe(200);
    const accepted: string[] = [];
    for (const [title, token] of [...unsigned(), ...keyInjections(), ...wrongClaims(), ...wrongShapes()])
      if ((await statusOf(token)) !== 401) accepted.push(title);
    expect(accepted).toEqual([]);
  });

  it.each(['PS256', 'RS512', 'ES384'])('with %s, though the set has a key for it', async (alg) => {
    expect(await statusOf(await keys.token(alg))).toBe(401);
  });

  it('that use a public key as the secret of an HMAC, however it is written', async () => {
    const jwk = keys.set.keys.find(({ kid }) => kid === 'RS256') ?? {};
    const key = createPublicKey({ key: jwk as never, format: 'jwk' });
    const pem = key.export({ format: 'pem', type: 'spki' }).toString();
    const written = [
      pem,
      pem.trim(),
      pem.replaceAll('\n', ''),
      key.export({ format: 'pem', type: 'pkcs1' }).toString(),
      key.export({ format: 'der', type: 'spki' }),
      JSON.stringify(jwk),
      Buffer.from(jwk.n ?? '', 'base64url'),
    ];

    for (const secret of written)
      for (const header of [{ alg: 'HS256', kid: 'RS256' }, { alg: 'HS256' }, { alg: 'RS256', kid: 'RS256' }])
        expect(await statusOf(forge(header, claims(), secret))).toBe(401);
  });

  it('that bring their own key, or say where it is', async () => {
    const own = await generateKeyPair('ES256', { extractable: true });
    const jwk = { ...(await exportJWK(own.publicKey)), kid: 'ES256' };
    const before = keys.asked;
    for (const header of [{ jwk }, { jku: keys.url }, { x5u: keys.url }, { x5c: [segment(jwk)] }, {}]) {
      for (const kid of ['ES256', 'own', '../keys', `${keys.url}#`]) {
        const sign = new SignJWT(claims()).setProtectedHeader({ alg: 'ES256', kid, ...header });
        expect(await statusOf(await sign.sign(own.privateKey))).toBe(401);
      }
    }
    expect(keys.asked - before).toBeLessThanOrEqual(1);
  });

  it('signed with the key of another algorithm than they say', async () => {
    for (const [alg, kid] of [
      ['RS256', 'PS256'],
      ['ES256', 'RS256'],
      ['EdDSA', 'ES256'],
    ] as const) {
      const { privateKey } = await generateKeyPair(alg);
      const sign = new SignJWT(claims()).setProtectedHeader({ alg, kid });
      expect(await statusOf(await sign.sign(privateKey))).toBe(401);
    }
  });
});

describe('The server of the keys', () => {
  beforeEach(() => start('fastify'));
  afterEach(async () => {
    jest.restoreAllMocks();
    ahead = 0;
    await stop();
  });

  async function flood(count: number): Promise<number[]> {
    const tokens = await Promise.all(
      Array.from({ length: count }, (_, n) => keys.token('first', { kid: `made-up-${n}` })),
    );
    const statuses: number[] = [];
    for (let at = 0; at < count; at += 25)
      statuses.push(...(await Promise.all(tokens.slice(at, at + 25).map(statusOf))));
    return [...new Set(statuses)];
  }

  it('is not asked for each of 250 key ids that somebody made up', async () => {
    expect(await statusOf(await keys.token('first'))).toBe(200);

    expect(await flood(250)).toEqual([401]);
    expect(keys.asked).toBe(1);
    later(31_000);
    expect(await flood(100)).toEqual([401]);
    expect(keys.asked).toBe(2);
  });

  it.each<[string, Parameters<KeyServer['behave']>[0]]>([
    ['fails', (_request, response) => void response.writeHead(500).end()],
    ['breaks off', (request) => void request.socket.destroy()],
    ['answers garbage', (_request, response) => void response.end('<html>')],
    ['answers what is no set', (_request, response) => void response.end('{"keys":{"a":1}}')],
    ['answers null', (_request, response) => void response.end('null')],
    ['redirects', (request, response) => void response.writeHead(302, { location: request.url }).end()],
  ])(
    'is left alone while it %s, known keys go on working, and it is asked again',
    async (_title, behaviour) => {
      const token = await keys.token('first');
      expect(await statusOf(token)).toBe(200);
      keys.behave(behaviour);
      const before = keys.asked;

      // Past the cooldown for unknown keys, and past the age at which the set is read again.
      later(11 * MINUTE);
      expect(await flood(50)).toEqual([401]);
      expect(await statusOf(token)).toBe(200);
      expect(keys.asked - before).toBe(1);

      keys.behave(null);
      await keys.rotate('second');
      later(6_000);
      expect(await statusOf(await keys.token('second'))).toBe(200);
      expect(await statusOf(token)).toBe(401);
    },
  );

  it('may fail from the beginning: tokens are refused, and it is asked once in a while', async () => {
    keys.behave((_request, response) => void response.writeHead(503).end());

    expect(await flood(100)).toEqual([401]);
    expect(keys.asked).toBe(1);
    keys.behave(null);
    later(6_000);
    expect(await statusOf(await keys.token('first'))).toBe(200);
  });

  it('may hang: known keys are not held up by it, and the others no longer than its deadline', async () => {
    const token = await keys.token('first');
    expect(await statusOf(token)).toBe(200);
    keys.behave(() => undefined);
    later(11 * MINUTE);

    const held = flood(10);
    const known = await Promise.race([statusOf(token), held.then(() => 'after those that hang')]);

    expect(known).toBe(200);
    expect(await held).toEqual([401]);
    expect(keys.asked).toBe(2);
  });

  it('may send without end: it is cut off', async () => {
    const token = await keys.token('first');
    expect(await statusOf(token)).toBe(200);
    let sent = 0;
    let cutOff = false;
    keys.behave((_request, response) => {
      response.on('close', () => (cutOff = true));
      void (async () => {
        const chunk = ' '.repeat(64 * 1_024);
        // Far more than fits into the buffers of a connection.
        for (; sent < 4_096 && !cutOff; sent += 1) {
          response.write(chunk);
          await delay(1);
        }
        response.end();
      })();
    });
    later(MINUTE);

    expect(await flood(1)).toEqual([401]);
    await eventually(() => expect(cutOff).toBe(true));
    expect(sent).toBeLessThan(4_096);
    expect(await statusOf(token)).toBe(200);
  });

  it('may rotate its keys: new ones work without a restart, withdrawn ones stop', async () => {
    const old = await keys.token('first');
    expect(await statusOf(old)).toBe(200);
    await keys.rotate('second', 'RS256');
    expect(await statusOf(await keys.token('second'))).toBe(401);

    later(31_000);

    expect(await statusOf(await keys.token('second'))).toBe(200);
    expect(await statusOf(old)).toBe(401);
  });

  it('is asked before anything is verified once an hour has passed, and known keys stop while it is away', async () => {
    const old = await keys.token('first');
    expect(await statusOf(old)).toBe(200);
    await keys.rotate('second');
    later(61 * MINUTE);
    expect(await statusOf(old)).toBe(401);
    const current = await keys.token('second');
    expect(await statusOf(current)).toBe(200);

    keys.behave((_request, response) => void response.writeHead(500).end());
    later(59 * MINUTE);
    expect(await statusOf(current)).toBe(200);
    later(2 * MINUTE);
    expect(await statusOf(current)).toBe(401);
  });

  it('is told of in the log once when it begins to fail, and once when it is read again', async () => {
    await keys.token('first').then(statusOf);
    const lines = (): string[] => loggedUnder('Jobstream keys');
    const before = lines().length;
    keys.behave((_request, response) => void response.writeHead(500).end());
    for (let round = 0; round < 3; round += 1) {
      later(31_000);
      await flood(2);
    }
    expect(lines().slice(before)).toEqual([expect.stringMatching(/cannot be read; .*: status 500/)]);

    keys.behave(null);
    later(31_000);
    await flood(2);
    expect(lines().slice(before + 1)).toEqual([expect.stringContaining('is read again')]);
  });

  it('is asked again after ten minutes, so that a key stops that was only taken away', async () => {
    const old = await keys.token('first');
    expect(await statusOf(old)).toBe(200);
    await keys.rotate('second');
    later(11 * MINUTE);

    // The first one has the set read; who comes when it was read is refused.
    await statusOf(old);
    const { privateKey } = await generateKeyPair('ES256');
    await statusOf(
      await new SignJWT(claims()).setProtectedHeader({ alg: 'ES256', kid: 'x' }).sign(privateKey),
    );
    expect(await statusOf(old)).toBe(401);
  });
});
