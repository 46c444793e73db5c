import { Injectable } from '@nestjs/common';
import { everyTenant } from './every-tenant.ts';
import { Database } from './database.ts';

/** What a ticket opens, and the credential that created it. */
export interface TicketGrant {
  /** The jobs whose streams it opens; null for the feed. */
  jobs: string[] | null;
  tenant: string;
  subject: string;
  scopes: string[];
  /** The only job that the credential may be used for; null for any. */
  onlyJob: string | null;
  credentialIssuedAt: Date | null;
  credentialExpiresAt: Date | null;
  tokenId: string | null;
  apiKey: string | null;
}

export interface StoredTicket extends TicketGrant {
  createdAt: Date;
}

/** Creating a ticket deletes at most this many expired ones, so that tickets need no sweeper. */
const CLEARED = 100;

/** The tickets, found by the hash of their secret. */
@Injectable()
export class TicketStore {
  constructor(private readonly database: Database) {}

  /** Adds a ticket that lives for `seconds`, but no longer than its credential. Resolves to the time it expires. */
  async insert(hash: Buffer, grant: TicketGrant, seconds: number): Promise<Date> {
    const [{ expiresAt }] = await this.database.query<[{ expiresAt: Date }]>(
      `${everyTenant('age')}WITH dead AS (
         SELECT hash FROM ${this.database.table('ticket')} WHERE expires_at < now() LIMIT ${CLEARED} FOR UPDATE SKIP LOCKED
       ), cleared AS (DELETE FROM ${this.database.table('ticket')} t USING dead WHERE t.hash = dead.hash)
       INSERT INTO ${this.database.table('ticket')} (hash, jobs, tenant, subject, scopes, only_job, credential_issued_at,
         credential_expires_at, token_id, api_key, expires_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, least(now() + $11 * interval '1 s', $8::timestamptz))
       RETURNING expires_at AS "expiresAt"`,
      [
        hash,
        grant.jobs,
        grant.tenant,
        grant.subject,
        grant.scopes,
        grant.onlyJob,
        grant.credentialIssuedAt,
        grant.credentialExpiresAt,
        grant.tokenId,
        grant.apiKey,
        seconds,
      ],
    );
    return expiresAt;
  }

  /** The ticket with this hash, unless it has expired. */
  async find(hash: Buffer): Promise<StoredTicket | null> {
    const [ticket] = await this.database.query<StoredTicket[]>(
      `${everyTenant('credential')}SELECT jobs, tenant, subject, scopes, only_job AS "onlyJob",
         credential_issued_at AS "credentialIssuedAt", credential_expires_at AS "credentialExpiresAt",
         token_id AS "tokenId", api_key AS "apiKey", created_at AS "createdAt"
       FROM ${this.database.table('ticket')} WHERE hash = $1 AND expires_at > now()`,
      [hash],
    );
    return ticket ?? null;
  }
}
