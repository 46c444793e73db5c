import { Activity } from './activity.js';
import { byId, setText } from './element.js';
import { Feed } from './feed.js';
import { JobBook } from './job-book.js';
import { JobDetail } from './job-detail.js';
import { JobList } from './job-list.js';
import { announcementOf } from './job-text.js';
import { connectStartForm } from './start-form.js';
import { toastError } from './toasts.js';

const OLDER = 50;

/** Everything that is shown after signing in, with one client. */
export class Workspace {
  #client;
  #leave;
  #actions;
  /** Removes the listeners on elements that remain after signing out. */
  #life = new AbortController();
  #book = new JobBook();
  #activity = new Activity(byId('pulse'));
  #list;
  #feed;
  #detail = null;
  #opener = null;
  #ready = false;
  /** The cursor of the next page of older jobs, by status filter. */
  #cursors = new Map();
  #timer = setInterval(() => this.#tick(), 1000);

  /** `leave(reason)` is called when the server no longer accepts the token. */
  constructor(client, leave) {
    const { signal } = this.#life;
    this.#client = client;
    this.#leave = leave;
    this.#actions = {
      open: (id) => void this.#open(id),
      cancel: (id) => void this.#ask('The job was not cancelled', () => client.cancel(id)),
      retry: (id) => void this.#ask('The job was not retried', () => client.retry(id)),
      older: (status) => this.#older(status),
    };
    this.#list = new JobList(this.#book, this.#actions, signal);
    this.#feed = new Feed(client, this.#book, this.#feedListeners());
    connectStartForm((job) => this.#start(job), signal);
    const closeOnEscape = (event) => event.key === 'Escape' && this.#closeDetail();
    document.addEventListener('keydown', closeOnEscape, { signal });
  }

  #feedListeners() {
    return {
      frame: () => this.#activity.count(),
      changed: (change) => this.#changed(change),
      removed: () => this.#list.changed(),
      ready: () => {
        this.#ready = true;
        this.#list.complete();
      },
      failed: (error) => toastError('The live feed stopped', error),
      leave: this.#leave,
    };
  }

  close() {
    this.#life.abort();
    clearInterval(this.#timer);
    this.#feed.close();
    this.#closeDetail();
    this.#list.close();
    document.title = 'Jobstream';
  }

  #changed({ job, known }) {
    this.#list.changed();
    if (this.#detail?.id === job.id) this.#detail.update(job);
    // Do not announce jobs that existed before the page was opened.
    if (!this.#ready || !known || known.status === job.status) return;
    const words = announcementOf(job);
    if (words) setText(byId('announcer'), words);
  }

  #learn(job) {
    const change = this.#book.putAnswer(job);
    if (change) this.#changed(change);
  }

  async #start({ type, payload, options }) {
    try {
      const { job } = await this.#client.submit(type, payload, options);
      this.#learn(job);
      this.#list.showAll();
    } catch (error) {
      if (error.status === 401) return this.#leave(error.message);
      throw error;
    }
  }

  async #ask(what, request) {
    try {
      this.#learn(await request());
    } catch (error) {
      if (error.status === 401) return this.#leave(error.message);
      toastError(what, error);
    }
  }

  async #older(status) {
    const key = status ?? 'all';
    const cursor = this.#cursors.get(key);
    if (cursor === null) return false;
    try {
      const page = await this.#client.list({ status: status ?? undefined, limit: OLDER, cursor });
      for (const job of page.jobs) this.#learn(job);
      this.#cursors.set(key, page.nextCursor);
      return page.nextCursor !== null;
    } catch (error) {
      toastError('Older jobs could not be loaded', error);
      return true;
    }
  }

  #open(id) {
    const job = this.#book.get(id);
    if (!job) return;
    const opener = document.activeElement;
    this.#closeDetail();
    this.#opener = opener;
    const actions = {
      cancel: this.#actions.cancel,
      retry: this.#actions.retry,
      close: () => this.#closeDetail(),
      learned: (known) => this.#learn(known),
      refused: toastError,
    };
    byId('workspace').classList.add('with-detail');
    this.#detail = new JobDetail(this.#client, job, actions);
    this.#list.select(id);
  }

  #closeDetail() {
    if (!this.#detail) return;
    this.#detail.close();
    this.#detail = null;
    this.#list.select(null);
    byId('workspace').classList.remove('with-detail');
    this.#opener?.focus({ preventScroll: true });
    this.#opener = null;
  }

  #tick() {
    this.#activity.tick();
    this.#list.tick();
    this.#detail?.tick();
    const { active } = this.#book.counts();
    document.title = active > 0 ? `(${active}) Jobstream` : 'Jobstream';
  }
}
