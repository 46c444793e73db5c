import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { Injectable, Logger } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { type Act, actingIn, type Actor, APPLICATION } from '../job/actor.ts';
import type { Scope, StoredApiKey } from '../job/credentials.ts';
import { AuditLog } from '../events/audit-log.ts';
import { Events } from '../events/events.ts';
import { faultText } from '../runtime/loggable.ts';
import { ApiKeyStore } from '../store/api-key-store.ts';
import { Database } from '../store/database.ts';
import { NewApiKey } from './api-key-request.ts';
import { RevocationStore } from '../store/revocation-store.ts';
import type { Caller } from './caller.ts';
import { parseRequest } from '../job/parse-request.ts';

/** `jsk_<prefix>_<secret>`: a prefix of 64 bits finds the key, a secret of 256 bits proves it. */
const API_KEY = /^jsk_([0-9a-f]{16})_[A-Za-z0-9_-]{43}$/;

export interface ApiKeyRequest {
  /** What the key is for, as text for people. */
  name: string;
  tenant: string;
  subject: string;
  scopes: readonly Scope[];
  /** Default: never. */
  expiresAt?: Date | null;
}

/**
 * API keys for programs. Administrators create them, only their hashes are stored, and they work until they expire or
 * are revoked.
 */
@Injectable()
export class ApiKeys {
  readonly #log = new Logger('Jobstream API keys');

  /** @internal Use `openApiKeys()`, or have it injected. */
  constructor(
    private readonly store: ApiKeyStore,
    private readonly events: Events,
  ) {}

  isApiKey(token: string): boolean {
    return token.startsWith('jsk_');
  }

  /** Creates a key. Only this result has the whole key. Throws `InvalidInput` when the request is not valid. */
  async create(request: ApiKeyRequest, actor: Actor = APPLICATION): Promise<StoredApiKey & { key: string }> {
    const { expiresAt = null, ...rest } = parseRequest(NewApiKey, request);
    const prefix = randomBytes(8).toString('hex');
    const key = `jsk_${prefix}_${randomBytes(32).toString('base64url')}`;
    const row = { ...rest, expiresAt, id: uuidv7(), prefix, hash: hashOf(key) };
    const stored = await this.store.insert(row, actor);
    const { id, tenant, subject, scopes } = stored;
    this.#tell('create', id, actingIn(tenant, actor), { tenant, subject, scopes });
    return { key, ...stored };
  }

  /** The caller that the key stands for, or null when it is not valid. */
  async verify(key: string): Promise<Caller | null> {
    const prefix = API_KEY.exec(key)?.[1];
    const stored = prefix === undefined ? null : await this.store.find(prefix);
    if (!stored || !timingSafeEqual(stored.hash, hashOf(key))) return null;
    if (stored.unnoted) await this.#noteUse(stored);
    return {
      tenant: stored.tenant,
      subject: stored.subject,
      scopes: new Set(stored.scopes),
      expiresAt: stored.expiresAt,
      job: null,
      issuedAt: stored.createdAt,
      apiKey: stored.id,
    };
  }

  /** Keys of the tenant (null: of all tenants) that are not revoked, newest first, older than the id `before`. */
  list(limit: number, before: string | null, tenant: string | null = null): Promise<StoredApiKey[]> {
    return this.store.list(limit, before, tenant);
  }

  /** Revokes a key for good. Resolves to the time, or to null when the tenant (null: any) has no key with this id. */
  async revoke(id: string, actor: Actor = APPLICATION, tenant: string | null = null): Promise<Date | null> {
    const revoked = await this.store.revoke(id, actor, tenant);
    if (!revoked) return null;
    this.#tell('revoke', id.toLowerCase(), actingIn(revoked.tenant, actor), {});
    return revoked.at;
  }

  #tell(action: 'create' | 'revoke', id: string, by: Actor, detail: Act['detail']): void {
    this.events.tell({ name: 'accessChanged', act: { ...by, action, target: { kind: 'key', id }, detail } });
  }

  async #noteUse(key: StoredApiKey): Promise<void> {
    try {
      await this.store.noteUse(key);
    } catch (error) {
      // The key must work even so, for instance while Postgres is read-only.
      this.#log.warn(`Recording the use of key ${key.id} failed: ${faultText(error)}`);
    }
  }
}

/**
 * A fast hash is enough because the secret is random: it cannot be guessed, and a slow hash would only slow requests.
 */
function hashOf(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}

/** API keys without the rest of the module, for a command that creates one. */
export function openApiKeys(dataSource: DataSource, options: { schema?: string } = {}): ApiKeys {
  const database = new Database(dataSource, options.schema ?? 'jobs');
  const store = new ApiKeyStore(database, new RevocationStore(database));
  const events = new Events();
  new AuditLog().listenTo(events);
  return new ApiKeys(store, events);
}
