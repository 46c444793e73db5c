/** Something did not answer in time; whether it did what it was asked is not known. */
export class NoAnswer extends Error {}

/** The promise, or a rejection with `NoAnswer(message)` once `milliseconds` have passed. */
export async function withDeadline<T>(
  promise: Promise<T>,
  milliseconds: number,
  message: string,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    // After the timers of a process that was held up comes what has arrived meanwhile: that was in time.
    timer = setTimeout(() => setImmediate(() => reject(new NoAnswer(message))), milliseconds);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
