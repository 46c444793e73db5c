import { element, setText } from './element.js';
import { formatClock, formatMoment } from './format.js';

const MAX_LINES = 2000;
/** Within this distance from the end, in pixels, the view follows new lines. */
const NEAR_END = 24;

/**
 * The log of a job. Lines are kept by number, so that each appears once even if the stream and a request both bring it.
 */
export class LogView {
  #lines = new Map();
  #last = 0;
  #list = element('ol', {
    class: 'log',
    tabindex: '0',
    role: 'log',
    'aria-live': 'off',
    'aria-label': 'Log lines',
  });
  #empty = element('p', { class: 'hint', text: 'No log lines.' });
  node = element(
    'section',
    { class: 'detail-part' },
    element('h3', { text: 'Log' }),
    this.#empty,
    this.#list,
  );

  constructor() {
    this.#list.hidden = true;
  }

  /** The number of the newest line. */
  get last() {
    return this.#last;
  }

  add(lines) {
    const follows = this.#list.scrollHeight - this.#list.scrollTop - this.#list.clientHeight < NEAR_END;
    const fresh = lines.filter((line) => !this.#lines.has(line.n));
    for (const line of fresh) this.#insert(line);
    this.#trim();
    this.#list.hidden = this.#lines.size === 0;
    this.#empty.hidden = this.#lines.size > 0;
    if (follows) this.#list.scrollTop = this.#list.scrollHeight;
  }

  #insert(line) {
    const node = lineOf(line);
    this.#lines.set(line.n, node);
    if (line.n > this.#last) {
      this.#last = line.n;
      this.#list.append(node);
      return;
    }
    const next = [...this.#list.children].find((other) => Number(other.dataset.n) > line.n);
    this.#list.insertBefore(node, next ?? null);
  }

  /** Keeps only the newest lines. `last` is unchanged, so that dropped lines are not requested again. */
  #trim() {
    while (this.#list.children.length > MAX_LINES) {
      const oldest = this.#list.firstElementChild;
      this.#lines.delete(Number(oldest.dataset.n));
      oldest.remove();
    }
  }

  unavailable(why) {
    setText(this.#empty, why);
  }
}

function lineOf({ n, level, text, at }) {
  return element(
    'li',
    { 'data-n': String(n), 'data-level': level },
    element('time', { datetime: at, title: formatMoment(at), text: formatClock(at) }),
    element('span', { class: 'level', text: level }),
    element('span', { class: 'text', text }),
  );
}
