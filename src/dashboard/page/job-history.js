import { element, icon } from './element.js';
import { formatClock, formatDuration, formatMoment } from './format.js';
import { statusLabel } from './job-text.js';

/** The past statuses of a job, by version. */
export class JobHistory {
  #entries = new Map();
  #list = element('ol', { class: 'history' });
  node = element('section', { class: 'detail-part' }, element('h3', { text: 'History' }), this.#list);

  /**
   * Takes `{status, version, attempt, reason, at}`. `reason` is null for entries that were derived from the job itself.
   */
  add(entry) {
    const known = this.#entries.get(entry.version);
    if (known && (known.reason !== null || entry.reason === null)) return;
    this.#entries.set(entry.version, entry);
    this.#paint();
  }

  /** Derives the entry of a job's current version from the job itself. */
  addJob(job) {
    const { status, version, attempt } = job;
    this.add({ status, version, attempt, reason: null, at: momentOf(job) });
  }

  #paint() {
    const entries = [...this.#entries.values()].toSorted((a, b) => a.version - b.version);
    this.#list.replaceChildren(...entries.map((entry, index) => lineOf(entry, entries[index + 1])));
  }
}

function momentOf(job) {
  if (job.finishedAt) return job.finishedAt;
  if (job.status === 'active') return job.startedAt ?? job.updatedAt;
  return job.version === 1 ? job.createdAt : job.updatedAt;
}

function lineOf(entry, next) {
  const { status, attempt, reason, at } = entry;
  const words = [reason?.replaceAll('_', ' '), status === 'active' ? `attempt ${attempt}` : null];
  const lasted = next && next.version === entry.version + 1 ? Date.parse(next.at) - Date.parse(at) : null;
  return element(
    'li',
    { 'data-status': status },
    element('span', { class: 'sign' }, icon(status)),
    element('span', { class: 'history-status', text: statusLabel(status) }),
    element('span', { class: 'history-reason', text: words.filter(Boolean).join(' · ') }),
    element('span', { class: 'history-lasted', text: lasted === null ? '' : formatDuration(lasted) }),
    element('time', { datetime: at, title: formatMoment(at), text: formatClock(at) }),
  );
}
