import { Controller, Get, Header, Query, UseGuards, VERSION_NEUTRAL } from '@nestjs/common';
import { z } from 'zod';
import { AUDIT_ACTIONS, type AuditEntry } from '../job/actor.ts';
import { AuditTrail } from '../store/audit-trail.ts';
import { AccessGuard } from './access.guard.ts';
import { nameText } from '../access/api-key-request.ts';
import type { Permit } from '../access/permit.ts';
import { CurrentPermit } from './current-permit.ts';
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
export class AuditController {
  constructor(private readonly audit: AuditTrail) {}

  @Get()
  @Header('Cache-Control', 'no-store')
  async list(
    @CurrentPermit() permit: Permit,
    @Query() query: unknown,
  ): Promise<{ entries: AuditEntry[]; nextCursor: string | null }> {
    const { tenant } = permit.visibility('admin');
    const { limit, cursor, ...filter } = parseRequest(AuditQuery, query);
    const page = await readPage(limit, (rows) =>
      this.audit.list({ ...filter, tenant }, rows, cursor ?? null),
    );
    return { entries: page.rows, nextCursor: page.nextCursor };
  }
}
