/** The Redis channels and keys below the configured prefix. Bull's own keys are `<prefix>:<queue>:…`. */
export function redisKeys(prefix: string) {
  return {
    /** Finished progress and log frames of a job, and nudges that it changed. */
    jobChannel: (id: string): string => `${prefix}:job:${id}`,
    /** Nudges of all jobs, for feeds. */
    changesChannel: `${prefix}:changes`,
    /** Requests to cancel, for workers. */
    cancelChannel: `${prefix}:cancel`,
    /** The newest progress frame of a running job. */
    lastFrame: (id: string): string => `${prefix}:last:${id}`,
    /** How often each caller has submitted of late. */
    submitRate: `${prefix}:rate`,
    /** Its absence says that Redis was emptied. */
    marker: `${prefix}:marker`,
  };
}

export type Keys = ReturnType<typeof redisKeys>;
