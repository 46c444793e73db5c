import { Body, Controller, Header, Post, UseGuards, UseInterceptors, VERSION_NEUTRAL } from '@nestjs/common';
import { z } from 'zod';
import { JobNotFound } from '../job/job-errors.ts';
import { JobStore } from '../store/job-store.ts';
import { AccessGuard } from './access.guard.ts';
import { Refusals } from './refusals.ts';
import { AccessPolicy } from '../access/access-policy.ts';
import { type Caller, CurrentCaller } from '../access/caller.ts';
import { parseRequest } from '../job/parse-request.ts';
import { type Ticket, Tickets } from '../access/tickets.ts';

const TicketBody = z
  .strictObject({ jobs: z.array(z.uuid()).min(1).max(100).optional(), feed: z.literal(true).optional() })
  .refine(({ jobs, feed }) => (jobs === undefined) !== (feed === undefined), {
    message: 'give either jobs or feed',
  });

/** `POST /tickets`: what `EventSource` needs, which cannot send headers. */
@Controller({ path: 'tickets', version: VERSION_NEUTRAL })
@UseGuards(AccessGuard)
@UseInterceptors(Refusals)
export class TicketsController {
  constructor(
    private readonly tickets: Tickets,
    private readonly store: JobStore,
    private readonly policy: AccessPolicy,
  ) {}

  @Post()
  @Header('Cache-Control', 'no-store')
  async issue(@CurrentCaller() caller: Caller, @Body() body: unknown): Promise<Ticket> {
    this.policy.require(caller, 'read');
    const { jobs } = parseRequest(TicketBody, body);
    if (!jobs) return this.tickets.issue(caller, null);
    const ids = [...new Set(jobs.map((id) => id.toLowerCase()))];
    await this.#requireVisible(ids, caller);
    return this.tickets.issue(caller, ids);
  }

  async #requireVisible(ids: string[], caller: Caller): Promise<void> {
    const visibility = this.policy.visibility(caller, 'read');
    const jobs = await this.store.list({ ids }, visibility, ids.length, null);
    const seen = jobs.filter((job) => this.policy.sees(caller, job));
    if (seen.length < ids.length) throw new JobNotFound();
  }
}
