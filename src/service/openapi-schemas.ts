/** A JSON Schema, as OpenAPI 3.1 takes it. */
export type Schema = Record<string, unknown>;

export function schemaRef(name: string): Schema {
  return { $ref: `#/components/schemas/${name}` };
}

/** An object of which every property is required, and to which later versions may add. */
export function object(properties: Record<string, Schema>, description?: string): Schema {
  return {
    type: 'object',
    ...(description ? { description } : {}),
    required: Object.keys(properties),
    properties,
  };
}

export const nullable = (type: string, rest: Schema = {}): Schema => ({ type: [type, 'null'], ...rest });
export const integer = (minimum: number, rest: Schema = {}): Schema => ({
  type: 'integer',
  minimum,
  ...rest,
});
export const text = (rest: Schema = {}): Schema => ({ type: 'string', ...rest });
const orNull = (name: string): Schema => ({ oneOf: [schemaRef(name), { type: 'null' }] });
export const list = (items: Schema, rest: Schema = {}): Schema => ({ type: 'array', items, ...rest });
export const time = text({ format: 'date-time', description: 'ISO 8601 in UTC, by the clock of Postgres.' });
const timeOrNull = nullable('string', { format: 'date-time' });
const anyJson: Schema = { description: 'Any JSON value.' };

const jobs: Record<string, Schema> = {
  JobStatus: text({
    enum: ['queued', 'active', 'completed', 'failed', 'cancelled'],
    description:
      'The last three are final. A job that waits for `runAt` or for its next attempt is `queued`.',
  }),
  Progress: object(
    {
      percent: nullable('number', { minimum: 0, maximum: 100 }),
      done: nullable('number'),
      total: nullable('number'),
      unit: nullable('string'),
      step: nullable('string'),
      message: nullable('string'),
      data: anyJson,
    },
    'How far the attempt is: absolute, each part null when unknown. `percent` comes from `done / total` where both are known.',
  ),
  JobFailure: object({ code: text({ pattern: '^[a-z0-9_]{1,64}$' }), message: text() }),
  JobLinks: object({ self: text({ format: 'uri-reference' }), events: text({ format: 'uri-reference' }) }),
  JobView: jobView(),
  SubmitRequest: submitRequest(),
  SubmitAnswer: object({ job: schemaRef('JobView'), viewer: schemaRef('ViewerToken') }),
  ViewerToken: object(
    { token: text(), expiresAt: text({ format: 'date-time' }) },
    'A read-only bearer token for this job alone, valid for 15 minutes.',
  ),
  JobPage: object({
    jobs: list(schemaRef('JobView'), { maxItems: 100 }),
    nextCursor: nullable('string', {
      format: 'uuid',
      description: 'Give it as `cursor`; null on the last page.',
    }),
  }),
  LogLine: object({
    n: integer(1, { description: 'Counts within the job, over all attempts.' }),
    level: text({ enum: ['debug', 'info', 'warn', 'error'] }),
    text: text({ maxLength: 2_000 }),
    at: text({ format: 'date-time' }),
  }),
  LogPage: object({
    lines: list(schemaRef('LogLine'), { maxItems: 1_000 }),
    next: integer(0, { description: 'Give it as `after` to read on.' }),
  }),
};

function jobView(): Schema {
  const view = object({
    id: text({ format: 'uuid' }),
    type: text(),
    queue: text(),
    tenant: text(),
    owner: nullable('string'),
    status: schemaRef('JobStatus'),
    version: integer(1, { description: 'Grows by one with every committed status change.' }),
    attempt: integer(0, { description: 'How often a worker has claimed the job.' }),
    maxAttempts: integer(1),
    priority: integer(0, { maximum: 9, description: 'Higher goes first.' }),
    tags: list(text({ maxLength: 64 }), { maxItems: 16 }),
    progress: orNull('Progress'),
    result: { description: 'What the handler returned, once the job is completed.' },
    error: orNull('JobFailure'),
    createdAt: time,
    runAt: time,
    startedAt: timeOrNull,
    finishedAt: timeOrNull,
    updatedAt: time,
    cancelRequestedAt: timeOrNull,
    links: schemaRef('JobLinks'),
  });
  const payload = { description: 'Only with `?include=payload`.' };
  return { ...view, properties: { ...(view['properties'] as object), payload } };
}

function submitRequest(): Schema {
  return {
    type: 'object',
    required: ['type', 'payload'],
    additionalProperties: false,
    properties: {
      type: text({ minLength: 1, maxLength: 64 }),
      payload: { description: 'Any JSON that fits the schema of the type; at most 64 levels deep.' },
      runAt: nullable('string', {
        format: 'date-time',
        description: 'Not before this time. Default: at once.',
      }),
      priority: integer(0, { maximum: 9, default: 0 }),
      tags: list(text({ minLength: 1, maxLength: 64 }), { maxItems: 16 }),
      maxAttempts: integer(1, { maximum: 1_000, description: 'Default: what the handler says.' }),
    },
  };
}

/** What the `data` line of each event holds. */
const frames: Record<string, Schema> = {
  JobFrame: object({ job: schemaRef('JobView') }),
  StateFrame: object({
    status: schemaRef('JobStatus'),
    version: integer(1),
    attempt: integer(0),
    reason: text({ description: 'Why the status changed, such as `claimed`, `retry` or `lease_lost`.' }),
    runAt: time,
    at: time,
  }),
  ProgressFrame: object({
    attempt: integer(1),
    progress: schemaRef('Progress'),
    at: text({ format: 'date-time' }),
  }),
  LogFrame: object({ lines: list(schemaRef('LogLine')), dropped: integer(0) }),
  ResetFrame: object({ reason: text() }),
  ByeFrame: object({
    reason: text({ enum: ['rotate', 'drain', 'slow', 'expired', 'revoked', 'gone'] }),
    reconnect: { type: 'boolean' },
  }),
  GoneFrame: object({ id: text({ format: 'uuid' }) }),
  EmptyFrame: { type: 'object', maxProperties: 0 },
};

const operations: Record<string, Schema> = {
  Error: {
    ...object({
      statusCode: { type: 'integer' },
      error: text(),
      message: text(),
      code: text({ description: 'Stable: decide by this, not by `message`.' }),
    }),
    description: 'A refusal. `issues` is there where an input did not fit.',
  },
  InputError: {
    allOf: [schemaRef('Error'), { type: 'object', properties: { issues: list(schemaRef('InputIssue')) } }],
  },
  InputIssue: object({ path: text({ description: '`a.b.0`; empty for the whole.' }), message: text() }),
  Liveness: object({ status: { const: 'ok' } }),
  Readiness: object({
    status: text({ enum: ['ok', 'degraded', 'unavailable'] }),
    postgres: text({ enum: ['up', 'down'] }),
    redis: text({ enum: ['up', 'down'] }),
  }),
};

export const schemas: Record<string, Schema> = { ...jobs, ...frames, ...operations };
