import {
  Controller,
  type ExecutionContext,
  Req,
  Res,
  Sse,
  UseFilters,
  UseGuards,
  VERSION_NEUTRAL,
} from '@nestjs/common';
import type { Observable } from 'rxjs';
import { permitOf } from './current-permit.ts';
import { StreamAccessGuard } from './stream-access.guard.ts';
import { FeedStream } from '../stream/feed-stream.ts';
import type { WireFrame } from '../stream/frames.ts';
import { admittedJob, filterOf, StreamGuard } from './stream.guard.ts';
import { JobStream } from '../stream/job-stream.ts';
import { StreamQuery } from './queries.ts';
import * as http from './http-request.ts';
import type { HttpRequest, HttpResponse } from './http-request.ts';
import { StreamOverFilter } from './stream-over.filter.ts';
import type { StreamRequest } from '../stream/viewers.ts';

/**
 * When Nest's own queue exceeds this many characters, Nest drops the connection. The viewer's own limit is reached
 * first.
 */
const MAX_PENDING = 256 * 1024;

@Controller({ path: 'jobs', version: VERSION_NEUTRAL })
@UseGuards(StreamAccessGuard, StreamGuard)
export class StreamController {
  constructor(
    private readonly streams: JobStream,
    private readonly feeds: FeedStream,
  ) {}

  @Sse('events', { maxPendingDataLength: MAX_PENDING })
  feed(
    @Req() request: HttpRequest,
    @Res({ passthrough: true }) response: HttpResponse,
  ): Observable<WireFrame> {
    return this.feeds.open({ ...streamRequest(request, response), filter: filterOf(request) });
  }

  @Sse(':id/events', { maxPendingDataLength: MAX_PENDING })
  @UseFilters(StreamOverFilter)
  events(
    @Req() request: HttpRequest,
    @Res({ passthrough: true }) response: HttpResponse,
  ): Observable<WireFrame> {
    return this.streams.open(admittedJob(request), {
      ...streamRequest(request, response),
      logs: StreamQuery.shape.logs.parse(request.query['logs']) === '1',
    });
  }
}

/**
 * Whether a request is for a stream. Nest passes every frame of a stream to the host's global interceptors like a
 * response. Interceptors that change, cache or time responses must skip streams: `if (isJobStream(context)) return
 * next.handle();`
 */
export function isJobStream(context: ExecutionContext): boolean {
  return context.getClass() === StreamController;
}

function streamRequest(request: HttpRequest, response: HttpResponse): StreamRequest {
  http.closeWhereAsked(request, response);
  return {
    response: http.closableOf(response),
    cursor: http.cursorOf(request),
    heartbeat: http.heartbeatOf(request),
    permit: permitOf(request),
    job: request.params['id']?.toLowerCase() ?? null,
  };
}
