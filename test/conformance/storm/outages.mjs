// What was broken when, so that a broken connection can be held against it.

/** A connection may learn of a death this much later. */
const NOTICE_MS = 2_000;

export class Outages {
  /** How often each thing happened. */
  counts = new Map();
  #all = [];

  /** Counts `what` as happening to `place` until the returned function is called. */
  begin(what, place) {
    const outage = { place, from: Date.now(), to: Infinity };
    this.#all.push(outage);
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
    return () => {
      outage.to = Date.now();
    };
  }

  /** Whether a place was broken at some time between `from` and `to`. */
  touched(places, from, to) {
    return this.#all.some(
      (outage) => places.includes(outage.place) && outage.from <= to && outage.to + NOTICE_MS >= from,
    );
  }
}
