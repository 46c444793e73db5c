import { Body, Delete, Get, Header, HttpCode, Param, Post, Query } from '@nestjs/common';
import { validate as isUuid } from 'uuid';
import { JobError } from '../job/job-errors.ts';
import type { StoredApiKey } from '../job/credentials.ts';
import type { Dated } from '../job/time.ts';
import { Routes } from './routes.ts';
import { ApiKeys } from '../access/api-keys.ts';
import type { Permit } from '../access/permit.ts';
import type { ApiKeyPage } from './answers.ts';
import { CurrentPermit } from './current-permit.ts';
import { readPage } from './page.ts';
import { ApiKeysQuery } from './queries.ts';
import { ApiKeyRequest } from './requests.ts';
import { parseRequest } from '../job/parse-request.ts';

/** The API keys within the reach of an administrator. */
@Routes('api-keys')
export class ApiKeysController {
  constructor(private readonly keys: ApiKeys) {}

  @Post()
  @Header('Cache-Control', 'no-store')
  async create(
    @CurrentPermit() permit: Permit,
    @Body() body: unknown,
  ): Promise<StoredApiKey & { key: string }> {
    permit.require('admin');
    const { tenant = permit.caller.tenant, expiresAt = null, ...rest } = parseRequest(ApiKeyRequest, body);
    // Neither the key's tenant nor its scopes may reach further than the creator.
    const holder = { tenant, subject: rest.subject, scopes: new Set(rest.scopes), expiresAt, job: null };
    permit.requireCovers(holder);
    return this.keys.create({ ...rest, tenant, expiresAt }, permit.actor);
  }

  @Get()
  async list(@CurrentPermit() permit: Permit, @Query() query: unknown): Promise<Dated<ApiKeyPage>> {
    const { tenant } = permit.visibility('admin');
    const { limit, cursor } = parseRequest(ApiKeysQuery, query);
    const page = await readPage(limit, (rows) => this.keys.list(rows, cursor ?? null, tenant));
    return { keys: page.rows, nextCursor: page.nextCursor };
  }

  @Delete(':id')
  @HttpCode(204)
  async revoke(@CurrentPermit() permit: Permit, @Param('id') id: string): Promise<void> {
    const { tenant } = permit.visibility('admin');
    const revoked = isUuid(id) && (await this.keys.revoke(id, permit.actor, tenant));
    if (!revoked) throw new JobError(404, 'api_key_not_found', 'No such API key.');
  }
}
