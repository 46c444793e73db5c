import { formatSeconds } from './format.js';

const MIN_WATCHED_MS = 3000;
const MIN_GAIN = 1;
const MAX_SECONDS = 86_400;

/** Estimates the remaining time of a job from its speed since the page first saw the attempt. */
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

  /** Text such as `about 20 s left`; empty while there is no usable estimate. */
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

/** Rounds estimates: to 5 s above 30 s, to a minute above 10 min. */
function rounded(seconds) {
  if (seconds > 600) return Math.round(seconds / 60) * 60;
  return seconds > 30 ? Math.round(seconds / 5) * 5 : seconds;
}
