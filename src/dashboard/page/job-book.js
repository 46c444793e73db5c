export const STATUSES = ['queued', 'active', 'completed', 'failed', 'cancelled'];

export function isFinal(job) {
  return job.status === 'completed' || job.status === 'failed' || job.status === 'cancelled';
}

/** The newest known version of every job. */
export class JobBook {
  #jobs = new Map();
  #order = null;

  get(id) {
    return this.#jobs.get(id);
  }

  /** Takes a job from the feed. The feed is in order, so an equal version has newer progress. */
  putLive(job) {
    const known = this.#jobs.get(job.id);
    return !known || job.version >= known.version ? this.#set(job, known) : null;
  }

  /** Takes a job from a response, which may be older than what the feed has sent since. */
  putAnswer(job) {
    const known = this.#jobs.get(job.id);
    if (known && known.version > job.version) return null;
    return this.#set(known?.version === job.version ? { ...job, progress: known.progress } : job, known);
  }

  #set(job, known) {
    this.#jobs.set(job.id, job);
    if (!known) this.#order = null;
    return { job, known };
  }

  remove(id) {
    this.#order = null;
    return this.#jobs.delete(id);
  }

  clear() {
    this.#jobs.clear();
    this.#order = null;
  }

  counts() {
    const counts = { all: this.#jobs.size };
    for (const status of STATUSES) counts[status] = 0;
    for (const job of this.#jobs.values()) counts[job.status] += 1;
    return counts;
  }

  /** Jobs of a status, newest first; null for all. */
  select(status) {
    this.#order ??= [...this.#jobs.values()]
      .toSorted((a, b) => compare(b.createdAt, a.createdAt) || compare(b.id, a.id))
      .map((job) => job.id);
    const jobs = this.#order.map((id) => this.#jobs.get(id));
    return status ? jobs.filter((job) => job.status === status) : jobs;
  }
}

function compare(a, b) {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
