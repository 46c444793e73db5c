/** There was no answer in time, so it is unknown whether the request took effect. */
export class NoAnswer extends Error {}

/** Settles like the promise, or rejects with `NoAnswer(message)` after `milliseconds`. */
export async function withDeadline<T>(
  promise: Promise<T>,
  milliseconds: number,
  message: string,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    // When the process was blocked, its timers fire before the answers that arrived meanwhile are read. Those answers
    // were in time, so setImmediate lets them win.
    timer = setTimeout(() => setImmediate(() => reject(new NoAnswer(message))), milliseconds);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
