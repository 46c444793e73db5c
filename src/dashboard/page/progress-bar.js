import { element } from './element.js';
import { percentOf, percentText, progressText, stateOf } from './job-text.js';

/** A bar with `role=progressbar`: determinate, indeterminate while an active job has no percent, or final. */
export class ProgressBar {
  #fill = element('span', { class: 'bar-fill' });
  node = element(
    'div',
    { class: 'bar', role: 'progressbar', 'aria-valuemin': '0', 'aria-valuemax': '100' },
    this.#fill,
  );

  constructor(label) {
    this.node.setAttribute('aria-label', label);
  }

  update(job) {
    const percent = percentOf(job);
    const unknown = percent === null;
    this.node.dataset.status = job.status;
    this.node.classList.toggle('indeterminate', unknown && job.status === 'active');
    this.#fill.style.setProperty('--done', String((percent ?? 0) / 100));
    if (unknown) this.node.removeAttribute('aria-valuenow');
    else this.node.setAttribute('aria-valuenow', String(Math.round(percent)));
    const words = [stateOf(job), percentText(job), progressText(job.progress)].filter(Boolean);
    this.node.setAttribute('aria-valuetext', words.join(', '));
  }
}
