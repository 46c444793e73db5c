/** A moving part of the module: it starts once the application is up, and stops before its HTTP server closes. */
export interface Part {
  start?(): void;
  /** Longest time that stopping may take in milliseconds, because Redis and Postgres may hang. Default 2,000. */
  readonly stopLimitMs?: number;
  /** Resolves when nothing of the part runs any more; at once if it was never started or has stopped already. */
  stop(): void | Promise<void>;
}
