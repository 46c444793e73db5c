import { Body, Get, Headers, HttpCode, Param, Post, Query, Res } from '@nestjs/common';
import type { Permit } from '../access/permit.ts';
import { CurrentPermit } from './current-permit.ts';
import { Routes } from './routes.ts';
import { readPage } from './page.ts';
import { parseRequest } from '../job/parse-request.ts';
import type { JobPage, LogPage, SubmitAnswer } from './answers.ts';
import { JobQuery, ListQuery, LogsQuery } from './queries.ts';
import { SubmitRequest } from './requests.ts';
import { ViewerTokens } from '../access/viewer-tokens.ts';
import { type Job, type JobView, toJobView } from '../job/job.ts';
import { ResolvedOptions } from '../jobs.options.ts';
import { JobCommands } from '../submit/job-commands.ts';
import { JobQueries } from '../submit/job-queries.ts';
import { JobSubmitter } from '../submit/job-submitter.ts';
import type { HttpResponse } from './http-request.ts';
import { SubmitRate } from './submit-rate.ts';

/** The routes that submit, show, cancel and retry jobs. */
@Routes('jobs')
export class JobsController {
  constructor(
    private readonly submitter: JobSubmitter,
    private readonly queries: JobQueries,
    private readonly commands: JobCommands,
    private readonly viewerTokens: ViewerTokens,
    private readonly rate: SubmitRate,
    private readonly options: ResolvedOptions,
  ) {}

  @Post()
  @HttpCode(202)
  async submit(
    @CurrentPermit() permit: Permit,
    @Body() body: unknown,
    @Headers('idempotency-key') idempotencyKey: string | undefined,
    @Res({ passthrough: true }) response: HttpResponse,
  ): Promise<SubmitAnswer> {
    const { caller, actor } = permit;
    permit.require('submit');
    await this.rate.count(caller);
    const { type, payload, runAt, ...rest } = parseRequest(SubmitRequest, body);
    const { tenant, subject: owner } = caller;
    permit.check('submit', { id: null, type, tenant, owner, tags: rest.tags ?? [] });
    const { job, replayed } = await this.submitter.submit(type, payload, {
      ...rest,
      runAt: runAt ?? undefined,
      idempotencyKey,
      tenant,
      owner,
      actor,
    });
    const view = this.#view(job);
    response.header('Location', view.links.self);
    if (replayed) response.header('Idempotency-Replayed', 'true');
    return { job: view, viewer: await this.viewerTokens.issue(job, caller) };
  }

  @Get()
  async list(@CurrentPermit() permit: Permit, @Query() query: unknown): Promise<JobPage> {
    permit.require('read');
    const { limit, cursor, ...filter } = parseRequest(ListQuery, query);
    const { rows, nextCursor } = await readPage(limit, (most) =>
      this.queries.list(filter, permit, { limit: most, before: cursor ?? null }),
    );
    const seen = rows.filter((job) => permit.sees(job));
    return { jobs: seen.map((job) => this.#view(job)), nextCursor };
  }

  @Get(':id')
  async get(
    @CurrentPermit() permit: Permit,
    @Param('id') id: string,
    @Query() query: unknown,
  ): Promise<JobView> {
    const { include } = parseRequest(JobQuery, query);
    const view = this.#view(await this.queries.get(id, permit));
    return include === 'payload' ? { ...view, payload: await this.queries.payload(id, permit) } : view;
  }

  @Post(':id/cancel')
  @HttpCode(202)
  async cancel(@CurrentPermit() permit: Permit, @Param('id') id: string): Promise<JobView> {
    return this.#view(await this.commands.cancel(id, permit));
  }

  @Post(':id/retry')
  @HttpCode(202)
  async retry(@CurrentPermit() permit: Permit, @Param('id') id: string): Promise<JobView> {
    return this.#view(await this.commands.retry(id, permit));
  }

  @Get(':id/logs')
  async logs(
    @CurrentPermit() permit: Permit,
    @Param('id') id: string,
    @Query() query: unknown,
  ): Promise<LogPage> {
    permit.require('read');
    const { after } = parseRequest(LogsQuery, query);
    const lines = await this.queries.logs(id, permit, { after });
    return { lines, next: lines.at(-1)?.n ?? after };
  }

  #view(job: Job): JobView {
    return toJobView(job, this.options.publicPath);
  }
}
