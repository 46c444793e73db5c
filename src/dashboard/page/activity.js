import { element } from './element.js';

const SECONDS = 48;

/** One bar per second, as high as the number of frames that arrived in it. */
export class Activity {
  #counts = Array.from({ length: SECONDS }, () => 0);
  #bars = this.#counts.map(() => element('i'));

  constructor(place) {
    place.replaceChildren(...this.#bars);
  }

  count() {
    this.#counts[SECONDS - 1] += 1;
  }

  /** To be called once a second. */
  tick() {
    const highest = Math.max(4, ...this.#counts);
    for (const [index, count] of this.#counts.entries()) {
      this.#bars[index].style.setProperty('--high', String(count / highest));
    }
    this.#counts.shift();
    this.#counts.push(0);
  }
}
