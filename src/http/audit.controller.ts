import { Controller, Get, Header, Query, UseGuards, UseInterceptors, VERSION_NEUTRAL } from '@nestjs/common';
import { z } from 'zod';
import { AUDIT_ACTIONS, type AuditEntry } from '../job/actor.ts';
import { AuditTrail } from '../store/audit-trail.ts';
import { AccessGuard } from './access.guard.ts';
import { Refusals } from './refusals.ts';
import { AccessPolicy } from '../access/access-policy.ts';
import { nameText } from '../access/api-key-request.ts';
import { type Caller, CurrentCaller } from '../access/caller.ts';
import { readPage } from './page.ts';
import { parseRequest } from '../job/parse-request.ts';

/** 18 digits fit a bigint, and are more than there will ever be entries. */
const AuditQuery = z.object({
  action: z.enum(AUDIT_ACTIONS).optional(),
  subject: nameText.optional(),
  limit: z.coerce.number().int().min(1).max(100).default(50),
  cursor: z
    .string()
    .regex(/^\d{1,18}$/, 'must be the nextCursor of a page')
    .optional(),
});

/** `GET /audit`: who did what, in the tenants that an administrator reaches. */
@Controller({ path: 'audit', version: VERSION_NEUTRAL })
@UseGuards(AccessGuard)
@UseInterceptors(Refusals)
export class AuditController {
  constructor(
    private readonly audit: AuditTrail,
    private readonly policy: AccessPolicy,
  ) {}

  @Get()
  @Header('Cache-Control', 'no-store')
  async list(
    @CurrentCaller() caller: Caller,
    @Query() query: unknown,
  ): Promise<{ entries: AuditEntry[]; nextCursor: string | null }> {
    const { tenant } = this.policy.visibility(caller, 'admin');
    const { limit, cursor, ...filter } = parseRequest(AuditQuery, query);
    const page = await readPage(limit, (rows) =>
      this.audit.list({ ...filter, tenant }, rows, cursor ?? null),
    );
    return { entries: page.rows, nextCursor: page.nextCursor };
  }
}
