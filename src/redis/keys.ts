/** The Redis channels and keys below the configured prefix. Bull's own keys are `<prefix>:<queue>:…`. */
export interface Keys {
  /** Finished progress and log frames of a job, and nudges that it changed. */
  jobChannel(id: string): string;
  /** Nudges of all jobs, for feeds. */
  changesChannel: string;
  /** Requests to cancel, for workers. */
  cancelChannel: string;
  /** The newest progress frame of a running job. */
  lastFrame(id: string): string;
  /** How often each caller has submitted of late. */
  submitRate: string;
  /** Its absence says that Redis was emptied. */
  marker: string;
}

export function redisKeys(prefix: string): Keys {
  return {
    jobChannel: (id) => `${prefix}:job:${id}`,
    changesChannel: `${prefix}:changes`,
    cancelChannel: `${prefix}:cancel`,
    lastFrame: (id) => `${prefix}:last:${id}`,
    submitRate: `${prefix}:rate`,
    marker: `${prefix}:marker`,
  };
}
