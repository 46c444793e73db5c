import { byId, element, setText } from './element.js';
import { formatNumber } from './format.js';
import { STATUSES } from './job-book.js';
import { JobRow } from './job-row.js';
import { statusLabel } from './job-text.js';

const PAGE = 50;

const EMPTY = {
  all: [
    'Nothing here yet',
    'Start a job, and watch it run. Jobs of other people and programs appear by themselves.',
  ],
  queued: ['Nothing waits', 'Every job has found a worker.'],
  active: ['Nothing runs', 'Start a job, or wait for one to begin.'],
  completed: ['Nothing completed yet', 'Jobs that succeed are shown here.'],
  failed: ['Nothing failed', 'Jobs that gave up are shown here, with the reason.'],
  cancelled: ['Nothing cancelled', 'Jobs that somebody stopped are shown here.'],
};

/** The list with its filters. It is repainted at most once per animation frame. */
export class JobList {
  #book;
  #actions;
  #rows = new Map();
  #tabs = new Map();
  #status = null;
  #limit = PAGE;
  #selected = null;
  #frame = 0;
  #complete = false;
  #list = byId('job-list');

  /** `actions` are those of a row, and `older(status)`, which resolves to true when there may be more jobs. */
  constructor(book, actions, signal) {
    this.#book = book;
    this.#actions = actions;
    for (const status of ['all', ...STATUSES]) this.#tabs.set(status, this.#makeTab(status));
    byId('filters').replaceChildren(...[...this.#tabs.values()].map((tab) => tab.node));
    byId('more').addEventListener('click', () => void this.#showOlder(), { signal });
    this.#list.replaceChildren();
    this.changed();
  }

  #makeTab(status) {
    const count = element('span', { class: 'count' });
    const name = status === 'all' ? 'All' : statusLabel(status);
    const on = { click: () => this.#filter(status === 'all' ? null : status) };
    const node = element('button', { type: 'button', class: 'tab', 'data-status': status, on }, name, count);
    return { node, count };
  }

  #filter(status) {
    this.#status = status;
    this.#limit = PAGE;
    this.changed();
  }

  /** The first state has arrived completely, so from now on an empty list means that there are no jobs. */
  complete() {
    this.#complete = true;
    this.changed();
  }

  /** Removes the filter, so that a job that was just started is visible. */
  showAll() {
    if (this.#status !== null) this.#filter(null);
  }

  select(id) {
    this.#rows.get(this.#selected)?.select(false);
    this.#selected = id;
    this.#rows.get(id)?.select(true);
  }

  changed() {
    this.#frame ||= requestAnimationFrame(() => this.#paint());
  }

  tick() {
    for (const row of this.#rows.values()) row.tick();
  }

  close() {
    cancelAnimationFrame(this.#frame);
  }

  async #showOlder() {
    this.#limit += PAGE;
    const known = this.#book.select(this.#status).length;
    if (known <= this.#limit) byId('more').disabled = !(await this.#actions.older(this.#status));
    this.changed();
  }

  #paint() {
    this.#frame = 0;
    const jobs = this.#book.select(this.#status);
    this.#paintRows(jobs.slice(0, this.#limit));
    this.#paintTabs();
    byId('more').hidden = jobs.length < this.#limit;
    this.#paintEmpty(jobs.length === 0 && this.#complete);
  }

  #paintRows(jobs) {
    const shown = new Set(jobs.map((job) => job.id));
    for (const [id, row] of this.#rows) {
      if (shown.has(id)) continue;
      row.node.remove();
      this.#rows.delete(id);
    }
    let after = null;
    for (const job of jobs) {
      const row = this.#rowOf(job);
      const expected = after ? after.nextSibling : this.#list.firstChild;
      // Only move elements that are in the wrong place: moving one loses its focus and restarts its transitions.
      if (expected !== row.node) this.#list.insertBefore(row.node, expected);
      after = row.node;
    }
  }

  #rowOf(job) {
    const known = this.#rows.get(job.id);
    if (known) {
      known.update(job);
      return known;
    }
    const row = new JobRow(job, this.#actions);
    row.select(job.id === this.#selected);
    this.#rows.set(job.id, row);
    return row;
  }

  #paintTabs() {
    const counts = this.#book.counts();
    for (const [status, { node, count }] of this.#tabs) {
      setText(count, formatNumber(counts[status]));
      node.setAttribute('aria-pressed', String(status === (this.#status ?? 'all')));
      node.classList.toggle('none', counts[status] === 0);
    }
  }

  #paintEmpty(empty) {
    const [title, hint] = EMPTY[this.#status ?? 'all'];
    setText(byId('empty-title'), title);
    setText(byId('empty-hint'), hint);
    byId('empty').hidden = !empty;
  }
}
