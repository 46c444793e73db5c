import { element, icon, setText } from './element.js';
import { shortId } from './format.js';
import { isFinal } from './job-book.js';
import { isCancelling, noteOf, percentText, stateOf, timeOf } from './job-text.js';
import { Pace } from './pace.js';
import { ProgressBar } from './progress-bar.js';

/** One job of the list. It keeps its elements across updates, so that bars animate and focus is kept. */
export class JobRow {
  #job;
  #pace = new Pace();
  #sign = element('span', { class: 'sign' });
  #state = element('span', { class: 'state' });
  #note = element('p', { class: 'note' });
  #left = element('span', { class: 'left' });
  #percent = element('span', { class: 'percent' });
  #time = element('span', { class: 'time' });
  #action;
  #bar;

  /** `actions`: `{open(id), cancel(id), retry(id)}`. */
  constructor(job, actions) {
    this.#bar = new ProgressBar(`Progress of ${job.type} ${shortId(job.id)}`);
    this.#action = element('button', {
      class: 'button small',
      type: 'button',
      on: { click: () => (isFinal(this.#job) ? actions.retry(job.id) : actions.cancel(job.id)) },
    });
    this.node = element(
      'li',
      { class: 'job', 'data-id': job.id },
      this.#sign,
      element('div', { class: 'job-head' }, this.#name(job, actions), this.#state, ...job.tags.map(tagOf)),
      element('div', { class: 'job-figures' }, this.#left, this.#time, this.#percent),
      this.#note,
      element('div', { class: 'job-action' }, this.#action),
      this.#bar.node,
    );
    this.update(job);
  }

  #name(job, actions) {
    const open = () => actions.open(job.id);
    return element(
      'button',
      { class: 'job-name', type: 'button', title: `Open ${job.id}`, on: { click: open } },
      element('span', { class: 'type', text: job.type }),
      element('span', { class: 'id', text: shortId(job.id) }),
    );
  }

  update(job) {
    if (this.#job?.status !== job.status) this.#sign.replaceChildren(icon(job.status));
    this.#job = job;
    this.node.dataset.status = job.status;
    this.#pace.take(job);
    this.#bar.update(job);
    setText(this.#percent, job.status === 'active' ? percentText(job) : '');
    this.#updateAction(job);
    this.tick();
  }

  #updateAction(job) {
    const retryable = job.status === 'failed' || job.status === 'cancelled';
    const verb = retryable ? 'Retry' : 'Cancel';
    setText(this.#action, verb);
    this.#action.setAttribute('aria-label', `${verb} ${job.type} ${shortId(job.id)}`);
    this.#action.hidden = job.status === 'completed';
    this.#action.disabled = isCancelling(job);
  }

  /** Updates the texts that depend on the current time. */
  tick() {
    const job = this.#job;
    setText(this.#state, stateOf(job));
    setText(this.#note, noteOf(job));
    setText(this.#time, timeOf(job));
    setText(this.#left, job.status === 'active' ? this.#pace.text() : '');
  }

  select(selected) {
    this.node.classList.toggle('selected', selected);
  }
}

function tagOf(tag) {
  return element('span', { class: 'tag', text: tag });
}
