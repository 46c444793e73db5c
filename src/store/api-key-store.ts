import { Injectable } from '@nestjs/common';
import { actingIn, type Actor } from '../job/actor.ts';
import type { StoredApiKey } from '../job/credentials.ts';
import { actorParameters, auditSql } from './audit-sql.ts';
import { everyTenant } from './every-tenant.ts';
import { type Revocable, RevocationStore } from './revocation-store.ts';
import { Database } from './database.ts';

export type NewApiKey = Omit<StoredApiKey, 'createdAt' | 'lastUsedAt'> & { hash: Buffer };

/** A key that is neither expired nor revoked, with what is needed to check a request. */
export interface UsableApiKey extends StoredApiKey {
  hash: Buffer;
  /** Whether `lastUsedAt` is more than a minute old, so that this use has to be stored. */
  unnoted: boolean;
}

const COLUMNS = `id, prefix, name, tenant, subject, scopes, created_at AS "createdAt", expires_at AS "expiresAt",
  last_used_at AS "lastUsedAt"`;
const KEY = {
  kind: `'key'`,
  id: 'id::text',
  detail: `json_build_object('tenant', tenant, 'subject', subject, 'scopes', scopes)`,
};
const UNNOTED = `(last_used_at IS NULL OR last_used_at < now() - interval '1 minute')`;

/** The API keys, found by their public prefix. With a tenant, only keys of that tenant are listed and revoked. */
@Injectable()
export class ApiKeyStore {
  constructor(
    private readonly database: Database,
    private readonly revocations: RevocationStore,
  ) {}

  async insert(key: NewApiKey, actor: Actor): Promise<StoredApiKey> {
    const { id, prefix, hash, name, tenant, subject, scopes, expiresAt } = key;
    const [row] = await this.database.query<[StoredApiKey]>(
      `WITH added AS (
         INSERT INTO ${this.database.table('api_key')} (id, prefix, hash, name, tenant, subject, scopes, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING ${COLUMNS}
       ), noted AS (${auditSql(this.database, { action: 'create', from: 'added', actor: 9, target: KEY })})
       SELECT * FROM added`,
      [id, prefix, hash, name, tenant, subject, scopes, expiresAt, ...actorParameters(actor)],
    );
    return row;
  }

  /** The key with this prefix, unless it has expired or was revoked. */
  async find(prefix: string): Promise<UsableApiKey | null> {
    const [key] = await this.database.query<UsableApiKey[]>(
      `${everyTenant('credential')}SELECT ${COLUMNS}, hash, ${UNNOTED} AS unnoted FROM ${this.database.table('api_key')}
       WHERE prefix = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())`,
      [prefix],
    );
    return key ?? null;
  }

  /** Stores that the key was used, at most once a minute. */
  async noteUse({ id, tenant }: Pick<StoredApiKey, 'id' | 'tenant'>): Promise<void> {
    await this.database.query(
      `UPDATE ${this.database.table('api_key')} SET last_used_at = now() WHERE id = $1 AND tenant = $2 AND ${UNNOTED}`,
      [id, tenant],
    );
  }

  /** Keys that are not revoked, newest first, older than the id `before`. */
  async list(limit: number, before: string | null, tenant: string | null): Promise<StoredApiKey[]> {
    return this.database.query<StoredApiKey[]>(
      `SELECT ${COLUMNS} FROM ${this.database.table('api_key')}
       WHERE revoked_at IS NULL AND ($2::uuid IS NULL OR id < $2) AND ($3::text IS NULL OR tenant = $3)
       ORDER BY id DESC LIMIT $1`,
      [limit, before, tenant],
    );
  }

  /**
   * Revokes a key and ends the streams that it opened. Resolves to the time and the key's tenant, or to null when there
   * is no such key.
   */
  async revoke(
    id: string,
    actor: Actor,
    within: string | null,
  ): Promise<{ at: Date; tenant: string } | null> {
    return this.database.transaction(async (manager) => {
      const [rows] = await manager.query<[{ tenant: string }[], number]>(
        `UPDATE ${this.database.table('api_key')} SET revoked_at = now()
         WHERE id = $1 AND revoked_at IS NULL AND ($2::text IS NULL OR tenant = $2) RETURNING tenant`,
        [id, within],
      );
      const [key] = rows;
      if (!key) return null;
      const { tenant } = key;
      const revocable: Revocable = { kind: 'key', tenant: '', value: id.toLowerCase() };
      const at = await this.revocations.add(revocable, actingIn(tenant, actor), manager);
      return { at, tenant };
    });
  }
}
