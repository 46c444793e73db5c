import { Controller, Inject, Param, Req, Sse, UseGuards, VERSION_NEUTRAL } from '@nestjs/common';
import type { Observable } from 'rxjs';
import { AccessGuard } from '../access/access.guard.ts';
import { callerOf } from '../access/caller.ts';
import { FeedGuard, feedOf } from './feed.guard.ts';
import { FeedStream } from './feed-stream.ts';
import type { WireFrame } from './frames.ts';
import { JobStreamGuard } from './job-stream.guard.ts';
import { JobStream } from './job-stream.ts';
import { cursorOf, heartbeatOf, socketOf, type StreamHttpRequest } from './stream-http.ts';
import type { StreamRequest } from './viewers.ts';

/** What may wait for a client that does not read; past it Nest drops the connection. */
const MAX_PENDING = 256 * 1024;

@Controller({ path: 'jobs', version: VERSION_NEUTRAL })
@UseGuards(AccessGuard)
export class StreamController {
  constructor(
    @Inject(JobStream) private readonly streams: JobStream,
    @Inject(FeedStream) private readonly feeds: FeedStream,
  ) {}

  @Sse('events', { maxPendingDataLength: MAX_PENDING })
  @UseGuards(FeedGuard)
  feed(@Req() request: StreamHttpRequest): Observable<WireFrame> {
    return this.feeds.open({ ...streamRequest(request), ...feedOf(request) });
  }

  @Sse(':id/events', { maxPendingDataLength: MAX_PENDING })
  @UseGuards(JobStreamGuard)
  events(@Param('id') id: string, @Req() request: StreamHttpRequest): Observable<WireFrame> {
    return this.streams.open(id.toLowerCase(), {
      ...streamRequest(request),
      logs: request.query['logs'] === '1',
    });
  }
}

function streamRequest(request: StreamHttpRequest): StreamRequest {
  return {
    socket: socketOf(request),
    cursor: cursorOf(request),
    heartbeat: heartbeatOf(request),
    expiresAt: callerOf(request).expiresAt,
  };
}
