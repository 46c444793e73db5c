import {
  Body,
  Controller,
  Get,
  Headers,
  HttpCode,
  Param,
  Post,
  Query,
  Res,
  UseGuards,
  UseInterceptors,
  VERSION_NEUTRAL,
} from '@nestjs/common';
import { AccessGuard } from './access.guard.ts';
import { AccessPolicy } from '../access/access-policy.ts';
import { actorOf, type Caller, CurrentCaller } from '../access/caller.ts';
import type { AccessAction } from '../access/jobs-access.ts';
import { Refusals } from './refusals.ts';
import { readPage } from './page.ts';
import { parseRequest } from '../job/parse-request.ts';
import { ListQuery, LogsQuery } from './queries.ts';
import { type ViewerToken, ViewerTokens } from '../access/viewer-tokens.ts';
import { type Job, type JobView, toJobView } from '../job/job.ts';
import { ResolvedOptions } from '../jobs.options.ts';
import type { LogLine } from '../store/job-logs.ts';
import { type ChangeOptions, Jobs } from '../submit/jobs.ts';
import { SubmitBody } from '../submit/submission.ts';
import { SubmitRate } from './submit-rate.ts';

interface Response {
  header(name: string, value: string): unknown;
}

/** The routes that submit jobs, show them, and change their course. */
@Controller({ path: 'jobs', version: VERSION_NEUTRAL })
@UseGuards(AccessGuard)
@UseInterceptors(Refusals)
export class JobsController {
  constructor(
    private readonly jobs: Jobs,
    private readonly policy: AccessPolicy,
    private readonly viewerTokens: ViewerTokens,
    private readonly rate: SubmitRate,
    private readonly options: ResolvedOptions,
  ) {}

  @Post()
  @HttpCode(202)
  async submit(
    @CurrentCaller() caller: Caller,
    @Body() body: unknown,
    @Headers('idempotency-key') idempotencyKey: string | undefined,
    @Res({ passthrough: true }) response: Response,
  ): Promise<{ job: JobView; viewer: ViewerToken }> {
    this.policy.require(caller, 'submit');
    await this.rate.count(caller);
    const { type, payload, runAt, ...rest } = parseRequest(SubmitBody, body);
    const { tenant, subject: owner } = caller;
    this.policy.check(caller, 'submit', { id: null, type, tenant, owner, tags: rest.tags ?? [] });
    const { job, replayed } = await this.jobs.submit(type, payload, {
      ...withoutUndefined(rest),
      ...(runAt ? { runAt } : {}),
      ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
      tenant,
      owner,
      actor: actorOf(caller),
    });
    const view = this.#view(job);
    response.header('Location', view.links.self);
    if (replayed) response.header('Idempotency-Replayed', 'true');
    return { job: view, viewer: await this.viewerTokens.issue(job, caller) };
  }

  @Get()
  async list(
    @CurrentCaller() caller: Caller,
    @Query() query: unknown,
  ): Promise<{ jobs: JobView[]; nextCursor: string | null }> {
    const visibility = this.policy.visibility(caller, 'read');
    const { limit, cursor, ...filter } = parseRequest(ListQuery, query);
    const { rows, nextCursor } = await readPage(limit, (most) =>
      this.jobs.list(filter, visibility, { limit: most, before: cursor ?? null }),
    );
    const seen = rows.filter((job) => this.policy.sees(caller, job));
    return { jobs: seen.map((job) => this.#view(job)), nextCursor };
  }

  @Get(':id')
  async get(
    @CurrentCaller() caller: Caller,
    @Param('id') id: string,
    @Query('include') include: unknown,
  ): Promise<JobView> {
    const visibility = this.policy.visibility(caller, 'read');
    const view = this.#view(await this.jobs.get(id, visibility, this.#look(caller, 'read')));
    return include === 'payload' ? { ...view, payload: await this.jobs.payload(id, visibility) } : view;
  }

  @Post(':id/cancel')
  @HttpCode(202)
  async cancel(@CurrentCaller() caller: Caller, @Param('id') id: string): Promise<JobView> {
    const visibility = this.policy.visibility(caller, 'cancel');
    return this.#view(await this.jobs.cancel(id, visibility, this.#look(caller, 'cancel')));
  }

  @Post(':id/retry')
  @HttpCode(202)
  async retry(@CurrentCaller() caller: Caller, @Param('id') id: string): Promise<JobView> {
    const visibility = this.policy.visibility(caller, 'retry');
    return this.#view(await this.jobs.retry(id, visibility, this.#look(caller, 'retry')));
  }

  @Get(':id/logs')
  async logs(
    @CurrentCaller() caller: Caller,
    @Param('id') id: string,
    @Query() query: unknown,
  ): Promise<{ lines: LogLine[]; next: number }> {
    const visibility = this.policy.visibility(caller, 'read');
    const { after } = parseRequest(LogsQuery, query);
    const lines = await this.jobs.logs(id, visibility, after, undefined, this.#look(caller, 'read'));
    return { lines, next: lines.at(-1)?.n ?? after };
  }

  /** Who looks at a job, and whether they may do this to it. */
  #look(caller: Caller, action: AccessAction): Required<ChangeOptions> {
    return { actor: actorOf(caller), check: (job) => this.policy.check(caller, action, job) };
  }

  #view(job: Job): JobView {
    return toJobView(job, this.options.publicPath);
  }
}

/** The same object without keys whose value is undefined, which exact optional types do not take. */
function withoutUndefined<T extends object>(object: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as never;
}
