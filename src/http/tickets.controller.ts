import { Body, Header, Post } from '@nestjs/common';
import type { Ticket } from '../job/credentials.ts';
import { JobNotFound } from '../job/job-errors.ts';
import { JobQueries } from '../submit/job-queries.ts';
import { Routes } from './routes.ts';
import type { Permit } from '../access/permit.ts';
import { CurrentPermit } from './current-permit.ts';
import { TicketRequest } from './requests.ts';
import { parseRequest } from '../job/parse-request.ts';
import { Tickets } from '../access/tickets.ts';

/** `POST /tickets`: tickets for `EventSource`, which cannot send headers. */
@Routes('tickets')
export class TicketsController {
  constructor(
    private readonly tickets: Tickets,
    private readonly queries: JobQueries,
  ) {}

  @Post()
  @Header('Cache-Control', 'no-store')
  async issue(@CurrentPermit() permit: Permit, @Body() body: unknown): Promise<Ticket> {
    const { caller } = permit;
    permit.require('read');
    const { jobs } = parseRequest(TicketRequest, body);
    if (!jobs) return this.tickets.issue(caller, null);
    const ids = [...new Set(jobs.map((id) => id.toLowerCase()))];
    await this.#requireVisible(ids, permit);
    return this.tickets.issue(caller, ids);
  }

  async #requireVisible(ids: string[], permit: Permit): Promise<void> {
    const jobs = await this.queries.list({ ids }, permit, { limit: ids.length, before: null });
    const seen = jobs.filter((job) => permit.sees(job));
    if (seen.length < ids.length) throw new JobNotFound();
  }
}
