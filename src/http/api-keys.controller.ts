import {
  Body,
  Controller,
  Delete,
  Get,
  Header,
  HttpCode,
  Param,
  Post,
  Query,
  UseGuards,
  UseInterceptors,
  VERSION_NEUTRAL,
} from '@nestjs/common';
import { JobError } from '../job/job-errors.ts';
import type { StoredApiKey } from '../store/api-key-store.ts';
import { AccessGuard } from './access.guard.ts';
import { Refusals } from './refusals.ts';
import { AccessPolicy } from '../access/access-policy.ts';
import { ApiKeyBody, ApiKeysQuery } from '../access/api-key-request.ts';
import { ApiKeys } from '../access/api-keys.ts';
import { actorOf, type Caller, CurrentCaller } from '../access/caller.ts';
import { readPage } from './page.ts';
import { parseRequest } from '../job/parse-request.ts';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** The keys of the tenants that an administrator reaches. */
@Controller({ path: 'api-keys', version: VERSION_NEUTRAL })
@UseGuards(AccessGuard)
@UseInterceptors(Refusals)
export class ApiKeysController {
  constructor(
    private readonly keys: ApiKeys,
    private readonly policy: AccessPolicy,
  ) {}

  @Post()
  @Header('Cache-Control', 'no-store')
  async create(
    @CurrentCaller() caller: Caller,
    @Body() body: unknown,
  ): Promise<StoredApiKey & { key: string }> {
    this.policy.require(caller, 'admin');
    const { tenant = caller.tenant, expiresAt = null, ...rest } = parseRequest(ApiKeyBody, body);
    // Neither the key's tenant nor what its scopes open may lie beyond the reach of who makes it.
    const holder = { tenant, subject: rest.subject, scopes: new Set(rest.scopes), expiresAt, job: null };
    this.policy.requireWithin(caller, tenant);
    this.policy.requireWithin(caller, this.policy.reach(holder));
    return this.keys.create({ ...rest, tenant, expiresAt }, actorOf(caller));
  }

  @Get()
  async list(
    @CurrentCaller() caller: Caller,
    @Query() query: unknown,
  ): Promise<{ keys: StoredApiKey[]; nextCursor: string | null }> {
    const { tenant } = this.policy.visibility(caller, 'admin');
    const { limit, cursor } = parseRequest(ApiKeysQuery, query);
    const page = await readPage(limit, (rows) => this.keys.list(rows, cursor ?? null, tenant));
    return { keys: page.rows, nextCursor: page.nextCursor };
  }

  @Delete(':id')
  @HttpCode(204)
  async revoke(@CurrentCaller() caller: Caller, @Param('id') id: string): Promise<void> {
    const { tenant } = this.policy.visibility(caller, 'admin');
    const revoked = UUID.test(id) && (await this.keys.revoke(id, actorOf(caller), tenant));
    if (!revoked) throw new JobError(404, 'api_key_not_found', 'No such API key.');
  }
}
