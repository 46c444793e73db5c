import { byId, element, icon, iconButton, setText } from './element.js';
import { isFinal } from './job-book.js';
import { factsOf, jsonPart, outcomeOf } from './job-facts.js';
import { JobHistory } from './job-history.js';
import { isCancelling, noteOf, percentText, stateOf, timeOf } from './job-text.js';
import { JobWatch } from './job-watch.js';
import { LogView } from './log-view.js';
import { ProgressBar } from './progress-bar.js';

/** The panel of the opened job. Its stream is open exactly as long as the panel. */
export class JobDetail {
  #job;
  #actions;
  #watch;
  #place = byId('detail');
  #history = new JobHistory();
  #logs = new LogView();
  #bar;
  #sign = element('span', { class: 'sign' });
  #state = element('span', { class: 'state' });
  #percent = element('span', { class: 'percent' });
  #time = element('span', { class: 'time' });
  #note = element('p', { class: 'note' });
  #action = element('button', { class: 'button', type: 'button' });
  #outcome = element('div');
  #facts = element('div');
  #payload = element('div');

  /** `actions`: `{cancel(id), retry(id), close(), learned(job), refused(what, error)}`. */
  constructor(client, job, actions) {
    this.#job = job;
    this.#actions = actions;
    this.#bar = new ProgressBar(`Progress of ${job.type}`);
    const act = () => (isFinal(this.#job) ? actions.retry(job.id) : actions.cancel(job.id));
    this.#action.addEventListener('click', act);
    this.#place.replaceChildren(
      this.#header(),
      element('div', { class: 'detail-figures' }, this.#percent, this.#time, this.#action),
      this.#bar.node,
      this.#note,
      this.#outcome,
      this.#history.node,
      this.#logs.node,
      element('section', { class: 'detail-part' }, element('h3', { text: 'Facts' }), this.#facts),
      this.#payload,
    );
    this.#place.hidden = false;
    this.#place.scrollTop = 0;
    this.#place.focus({ preventScroll: true });
    this.#watch = new JobWatch(client, job.id, this.#watchers());
    this.update(job);
  }

  #header() {
    const { id, type } = this.#job;
    const copy = iconButton('copy', 'Copy the id', () => void copyText(id, copy));
    const close = iconButton('close', 'Close', () => this.#actions.close());
    return element(
      'header',
      { class: 'detail-head' },
      this.#sign,
      element('div', {}, element('h2', { id: 'detail-title', text: type }), this.#state),
      close,
      element('p', { class: 'detail-id' }, element('code', { text: id }), copy),
    );
  }

  #watchers() {
    return {
      state: (change) => this.#history.add(change),
      job: (job) => this.#actions.learned(job),
      lines: (lines) => this.#logs.add(lines),
      payload: (payload) => this.#payload.replaceChildren(jsonPart('Payload', payload)),
      noLogs: () => this.#logs.unavailable('The service has no log of this job.'),
      failed: (error) => this.#actions.refused('The details are not live', error),
    };
  }

  get id() {
    return this.#job.id;
  }

  update(job) {
    const changed = this.#job.version !== job.version || !this.#sign.firstChild;
    this.#job = job;
    this.#place.dataset.status = job.status;
    this.#bar.update(job);
    setText(this.#percent, percentText(job) || (job.status === 'active' ? '…' : ''));
    this.#updateAction(job);
    this.tick();
    if (!changed) return;
    this.#sign.replaceChildren(icon(job.status));
    this.#history.addJob(job);
    this.#outcome.replaceChildren(...[outcomeOf(job)].filter(Boolean));
    this.#facts.replaceChildren(factsOf(job));
    this.#watch.resume(job);
  }

  #updateAction(job) {
    setText(this.#action, isFinal(job) ? 'Retry' : 'Cancel');
    this.#action.hidden = job.status === 'completed';
    this.#action.disabled = isCancelling(job);
  }

  tick() {
    const job = this.#job;
    setText(this.#state, stateOf(job));
    setText(this.#time, timeOf(job));
    setText(this.#note, isFinal(job) ? '' : noteOf(job));
  }

  close() {
    this.#watch.close();
    this.#place.hidden = true;
    this.#place.replaceChildren();
  }
}

async function copyText(text, button) {
  try {
    await navigator.clipboard.writeText(text);
    button.classList.add('done');
    setTimeout(() => button.classList.remove('done'), 1500);
  } catch {
    // The clipboard needs permission and HTTPS. Otherwise select the text, so that the user can copy it.
    getSelection()?.selectAllChildren(button.previousElementSibling);
  }
}
