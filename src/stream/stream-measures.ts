import { Injectable } from '@nestjs/common';
import { Admission } from './admission.ts';
import { JobHub } from './job-hub.ts';
import { Viewers } from './viewers.ts';

/** The current numbers of streams, for health checks and metrics. */
@Injectable()
export class StreamMeasures {
  constructor(
    private readonly viewers: Viewers,
    private readonly admission: Admission,
    private readonly hub: JobHub,
  ) {}

  read(): { openStreams: number; admittedStreams: number; watchedJobs: number } {
    return {
      openStreams: this.viewers.size,
      admittedStreams: this.admission.total,
      watchedJobs: this.hub.size,
    };
  }
}
