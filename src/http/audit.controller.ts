import { Get, Header, Query } from '@nestjs/common';
import type { Dated } from '../job/time.ts';
import { AuditTrail } from '../store/audit-trail.ts';
import { Routes } from './routes.ts';
import type { Permit } from '../access/permit.ts';
import type { AuditPage } from './answers.ts';
import { CurrentPermit } from './current-permit.ts';
import { AuditQuery } from './queries.ts';
import { readPage } from './page.ts';
import { parseRequest } from '../job/parse-request.ts';

/** `GET /audit`: who did what, within the reach of an administrator. */
@Routes('audit')
export class AuditController {
  constructor(private readonly audit: AuditTrail) {}

  @Get()
  @Header('Cache-Control', 'no-store')
  async list(@CurrentPermit() permit: Permit, @Query() query: unknown): Promise<Dated<AuditPage>> {
    const { tenant } = permit.visibility('admin');
    const { limit, cursor, ...filter } = parseRequest(AuditQuery, query);
    const page = await readPage(limit, (rows) =>
      this.audit.list({ ...filter, tenant }, rows, cursor ?? null),
    );
    return { entries: page.rows, nextCursor: page.nextCursor };
  }
}
