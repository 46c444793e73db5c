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

/** `jsk_<prefix>_<secret>`: 64 bits that find the key, and 256 that prove it. */
const API_KEY = /^jsk_([0-9a-f]{16})_[A-Za-z0-9_-]{43}$/;

export interface ApiKeyRequest {
  /** What it is for, in words for a person. */
  name: string;
  tenant: string;
  subject: string;
  scopes: readonly Scope[];
  /** Default: never. */
  expiresAt?: Date | null;
}

/** Keys for programs: made by administrators, kept as hashes, good until they expire or are revoked. */
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

  /** Makes a key, which is never to be seen whole again. Throws `InvalidInput` for a request that is not valid. */
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

  /** Keys of the tenant (null: of all) that are not revoked, newest first, from those before this id on. */
  list(limit: number, before: string | null, tenant: string | null = null): Promise<StoredApiKey[]> {
    return this.store.list(limit, before, tenant);
  }

  /** Ends a key for good; resolves to when, or to null when the tenant (null: any) has none of this id. */
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
      // A key works without it, for instance while Postgres takes no writes.
      this.#log.warn(`The use of key ${key.id} could not be noted: ${faultText(error)}`);
    }
  }
}

/** Of a random secret, a plain hash tells nothing; a slow one would only slow requests down. */
function hashOf(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}

/** The keys without the module, for a command that makes one. */
export function openApiKeys(dataSource: DataSource, options: { schema?: string } = {}): ApiKeys {
  const database = new Database(dataSource, options.schema ?? 'jobs');
  const store = new ApiKeyStore(database, new RevocationStore(database));
  const events = new Events();
  new AuditLog().listenTo(events);
  return new ApiKeys(store, events);
}
