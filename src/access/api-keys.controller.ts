import {
  Body,
  Controller,
  Delete,
  Get,
  Header,
  HttpCode,
  Inject,
  Param,
  Post,
  Query,
  UseGuards,
  VERSION_NEUTRAL,
} from '@nestjs/common';
import { JobError } from '../job/job-errors.ts';
import type { StoredApiKey } from '../store/api-key-store.ts';
import { AccessGuard } from './access.guard.ts';
import { AccessPolicy } from './access-policy.ts';
import { ApiKeyBody, ApiKeysQuery } from './api-key-request.ts';
import { ApiKeys } from './api-keys.ts';
import { actorOf, type Caller, CurrentCaller } from './caller.ts';
import { readPage } from './page.ts';
import { parseRequest } from './parse-request.ts';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** The keys of all tenants, for administrators. */
@Controller({ path: 'api-keys', version: VERSION_NEUTRAL })
@UseGuards(AccessGuard)
export class ApiKeysController {
  constructor(
    @Inject(ApiKeys) private readonly keys: ApiKeys,
    @Inject(AccessPolicy) private readonly policy: AccessPolicy,
  ) {}

  @Post()
  @Header('Cache-Control', 'no-store')
  async create(
    @CurrentCaller() caller: Caller,
    @Body() body: unknown,
  ): Promise<StoredApiKey & { key: string }> {
    this.policy.require(caller, 'admin');
    const { tenant = caller.tenant, expiresAt = null, ...rest } = parseRequest(ApiKeyBody, body);
    return this.keys.create({ ...rest, tenant, expiresAt }, actorOf(caller));
  }

  @Get()
  async list(
    @CurrentCaller() caller: Caller,
    @Query() query: unknown,
  ): Promise<{ keys: StoredApiKey[]; nextCursor: string | null }> {
    this.policy.require(caller, 'admin');
    const { limit, cursor } = parseRequest(ApiKeysQuery, query);
    const page = await readPage(limit, (rows) => this.keys.list(rows, cursor ?? null));
    return { keys: page.rows, nextCursor: page.nextCursor };
  }

  @Delete(':id')
  @HttpCode(204)
  async revoke(@CurrentCaller() caller: Caller, @Param('id') id: string): Promise<void> {
    this.policy.require(caller, 'admin');
    const revoked = UUID.test(id) && (await this.keys.revoke(id, actorOf(caller)));
    if (!revoked) throw new JobError(404, 'api_key_not_found', 'No such API key.');
  }
}
