import { formatSeconds } from './format.js';

const MIN_WATCHED_MS = 3000;
const MIN_GAIN = 1;
const MAX_SECONDS = 86_400;

/** Says how long a job still takes, from the speed that was seen since the page first saw its attempt. */
export class Pace {
  #attempt = null;
  #since = 0;
  #from = 0;
  #percent = null;
  #at = 0;

  take(job) {
    const percent = job.status === 'active' ? (job.progress?.percent ?? null) : null;
    if (percent === null || this.#attempt !== job.attempt || percent < this.#from) {
      this.#attempt = percent === null ? null : job.attempt;
      this.#since = performance.now();
      this.#from = percent ?? 0;
    }
    if (percent !== this.#percent) this.#at = performance.now();
    this.#percent = percent;
  }

  /** `about 20 s left`; empty while it is anybody's guess. */
  text() {
    const gain = this.#percent === null ? 0 : this.#percent - this.#from;
    const watched = this.#at - this.#since;
    if (gain < MIN_GAIN || watched < MIN_WATCHED_MS) return '';
    const total = ((100 - this.#percent) * watched) / gain;
    const seconds = Math.round((total - (performance.now() - this.#at)) / 1000);
    if (seconds < 1 || seconds > MAX_SECONDS) return '';
    return `about ${formatSeconds(rounded(seconds))} left`;
  }
}

/** Nobody knows the seconds of an hour ahead: steps of 5 s beyond 30 s, of a minute beyond 10 min. */
function rounded(seconds) {
  if (seconds > 600) return Math.round(seconds / 60) * 60;
  return seconds > 30 ? Math.round(seconds / 5) * 5 : seconds;
}
