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
import { FeedGuard, filterOf } from './feed.guard.ts';
import { FeedStream } from '../stream/feed-stream.ts';
import type { WireFrame } from '../stream/frames.ts';
import { admittedJob, JobStreamGuard } from './job-stream.guard.ts';
import { JobStream } from '../stream/job-stream.ts';
import { StreamQuery } from './queries.ts';
import {
  closableOf,
  closeWhereAsked,
  cursorOf,
  heartbeatOf,
  type StreamHttpRequest,
  type StreamHttpResponse,
} from './stream-http.ts';
import { StreamOverFilter } from './stream-over.filter.ts';
import type { StreamRequest } from '../stream/viewers.ts';

/** The viewer keeps to its bound by itself; past this many characters in Nest's own queue Nest drops the connection. */
const MAX_PENDING = 256 * 1024;

@Controller({ path: 'jobs', version: VERSION_NEUTRAL })
@UseGuards(StreamAccessGuard)
export class StreamController {
  constructor(
    private readonly streams: JobStream,
    private readonly feeds: FeedStream,
  ) {}

  @Sse('events', { maxPendingDataLength: MAX_PENDING })
  @UseGuards(FeedGuard)
  feed(
    @Req() request: StreamHttpRequest,
    @Res({ passthrough: true }) response: StreamHttpResponse,
  ): Observable<WireFrame> {
    return this.feeds.open({ ...streamRequest(request, response), filter: filterOf(request) });
  }

  @Sse(':id/events', { maxPendingDataLength: MAX_PENDING })
  @UseGuards(JobStreamGuard)
  @UseFilters(StreamOverFilter)
  events(
    @Req() request: StreamHttpRequest,
    @Res({ passthrough: true }) response: StreamHttpResponse,
  ): Observable<WireFrame> {
    return this.streams.open(admittedJob(request), {
      ...streamRequest(request, response),
      logs: StreamQuery.shape.logs.parse(request.query['logs']) === '1',
    });
  }
}

/**
 * Whether a request is for a stream. Nest hands each frame of a stream to the host's global interceptors as if it were
 * an answer; one that changes, caches or times answers has to leave streams alone (pitfall A15):
 * `if (isJobStream(context)) return next.handle();`
 */
export function isJobStream(context: ExecutionContext): boolean {
  return context.getClass() === StreamController;
}

function streamRequest(request: StreamHttpRequest, response: StreamHttpResponse): StreamRequest {
  closeWhereAsked(request, response);
  return {
    response: closableOf(response),
    cursor: cursorOf(request),
    heartbeat: heartbeatOf(request),
    permit: permitOf(request),
    job: request.params['id']?.toLowerCase() ?? null,
  };
}
