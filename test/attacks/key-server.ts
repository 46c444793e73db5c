import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import { claims } from './forge.ts';

type Behaviour = (request: IncomingMessage, response: ServerResponse) => void;

export const ALGORITHMS = ['RS256', 'ES256', 'EdDSA'] as const;

/** A server of a JWK set that can be told to misbehave, and counts who asks. */
export class KeyServer {
  /** Requests so far. */
  asked = 0;
  #keys: { id: string; alg: string; jwk: JWK; privateKey: CryptoKey }[] = [];
  #behaviour: Behaviour | null = null;

  private constructor(
    private readonly server: Server,
    readonly url: string,
  ) {}

  static async start(): Promise<KeyServer> {
    const server = createServer((request, response) => keys.#answer(request, response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const keys = new KeyServer(server, `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`);
    return keys;
  }

  /** Replaces the set by one new key. */
  async rotate(id: string, alg: string = 'ES256'): Promise<void> {
    this.#keys = [];
    await this.add(id, alg);
  }

  async add(id: string, alg: string): Promise<void> {
    const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
    this.#keys.push({ id, alg, jwk: { ...(await exportJWK(publicKey)), kid: id }, privateKey });
  }

  get set(): { keys: JWK[] } {
    return { keys: this.#keys.map(({ jwk }) => jwk) };
  }

  /** A valid token of a user, signed with the key; its header may be given other parts. */
  token(id: string, header: object = {}, parts: Record<string, unknown> = {}): Promise<string> {
    const key = this.#keys.find((one) => one.id === id);
    if (!key) throw new Error(`No key ${id}.`);
    return new SignJWT(claims({ scope: 'jobs:read', ...parts }))
      .setProtectedHeader({ alg: key.alg, kid: id, ...header })
      .sign(key.privateKey);
  }

  /** Answers in this way from now on; null: with the set, as it should. */
  behave(behaviour: Behaviour | null): void {
    this.#behaviour = behaviour;
    this.server.closeAllConnections();
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    this.asked += 1;
    if (this.#behaviour) return this.#behaviour(request, response);
    response.setHeader('content-type', 'application/jwk-set+json');
    response.end(JSON.stringify(this.set));
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
