import { createHash, randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { Ticket } from '../job/credentials.ts';
import { JobError } from '../job/job-errors.ts';
import { type StoredTicket, TicketStore } from '../store/ticket-store.ts';
import type { Caller } from './caller.ts';

/** 128 bits cannot be guessed within the minute that a ticket lives. */
const SECRET_BYTES = 16;
const TICKET = /^[A-Za-z0-9_-]{22}$/;
const LIFETIME_SECONDS = 60;
/** With the longest tenant and subject, this still fits into the 4,096 bytes that browsers allow for a cookie. */
const MAX_SCOPES = 1_024;

export interface RedeemedTicket {
  /** Who created the ticket, with the rights they had then. */
  caller: Caller;
  /** The jobs whose streams it opens; null for the feed. */
  jobs: string[] | null;
  createdAt: Date;
}

/**
 * Short-lived secrets for the URL of a stream, because `EventSource` cannot send headers. A ticket may be redeemed any
 * number of times while it lives, so that a connection that breaks at once can be made again.
 */
@Injectable()
export class Tickets {
  constructor(private readonly store: TicketStore) {}

  /** Creates a ticket for the streams of these jobs, which the caller must be allowed to see; null for the feed. */
  async issue(caller: Caller, jobs: string[] | null): Promise<Ticket> {
    const scopes = [...caller.scopes];
    if (scopes.join(' ').length > MAX_SCOPES)
      throw new JobError(
        422,
        'too_many_scopes',
        `The scopes of the credential exceed ${MAX_SCOPES} characters; ask for a ticket with fewer of them.`,
      );
    const ticket = randomBytes(SECRET_BYTES).toString('base64url');
    const grant = {
      jobs,
      tenant: caller.tenant,
      subject: caller.subject,
      scopes,
      onlyJob: caller.job,
      credentialIssuedAt: caller.issuedAt ?? null,
      credentialExpiresAt: caller.expiresAt,
      tokenId: caller.tokenId ?? null,
      apiKey: caller.apiKey ?? null,
    };
    const expiresAt = await this.store.insert(hashOf(ticket), grant, LIFETIME_SECONDS);
    return { ticket, expiresAt: expiresAt.toISOString() };
  }

  /** The grant of the ticket; null when the ticket is unknown or has expired. */
  async redeem(ticket: string): Promise<RedeemedTicket | null> {
    const stored = TICKET.test(ticket) ? await this.store.find(hashOf(ticket)) : null;
    return stored && { caller: callerOf(stored), jobs: stored.jobs, createdAt: stored.createdAt };
  }
}

function hashOf(ticket: string): Buffer {
  return createHash('sha256').update(ticket).digest();
}

function callerOf(ticket: StoredTicket): Caller {
  return {
    tenant: ticket.tenant,
    subject: ticket.subject,
    scopes: new Set(ticket.scopes),
    expiresAt: ticket.credentialExpiresAt,
    job: ticket.onlyJob,
    issuedAt: ticket.credentialIssuedAt ?? undefined,
    tokenId: ticket.tokenId ?? undefined,
    apiKey: ticket.apiKey ?? undefined,
  };
}
