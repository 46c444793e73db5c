/** A moving part of the module: it starts once the application is up, and stops before its HTTP server closes. */
export interface Part {
  start?(): void;
  /** How long stopping may take, in milliseconds. Default 2,000: Redis and Postgres may hang. */
  readonly stopLimitMs?: number;
  /** Resolves once nothing of it runs any more; a part that was never started, or has stopped, resolves at once. */
  stop(): void | Promise<void>;
}
