import 'reflect-metadata';
import { describe, expect, it } from '@jest/globals';
import { RequestMethod } from '@nestjs/common';
import { ApiKeysController } from '../../src/http/api-keys.controller.ts';
import { AuditController } from '../../src/http/audit.controller.ts';
import { RevocationsController } from '../../src/http/revocations.controller.ts';
import { TicketsController } from '../../src/http/tickets.controller.ts';
import { type Job, toJobView } from '../../src/job/job.ts';
import { OperationsController } from '../../src/service/operations.controller.ts';
import { StreamController } from '../../src/http/stream.controller.ts';
import { JobsController } from '../../src/http/jobs.controller.ts';
import { openApiDocument } from '../../src/service/openapi.ts';

interface Operation {
  operationId: string;
  security?: unknown[];
  responses: Record<string, unknown>;
  parameters?: { $ref?: string; name?: string; in?: string }[];
}

interface Document {
  openapi: string;
  info: { version: string };
  security: unknown[];
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, { properties?: object; required?: string[] }> };
}

const document = openApiDocument as Document;

const PRIVATE = [
  'POST /jobs',
  'GET /jobs',
  'GET /jobs/events',
  'GET /jobs/{id}',
  'POST /jobs/{id}/cancel',
  'POST /jobs/{id}/retry',
  'GET /jobs/{id}/logs',
  'GET /jobs/{id}/events',
  'POST /tickets',
  'POST /api-keys',
  'GET /api-keys',
  'DELETE /api-keys/{id}',
  'POST /revocations',
  'GET /audit',
];
const STREAMS = ['GET /jobs/events', 'GET /jobs/{id}/events'];
const PUBLIC = ['GET /health/live', 'GET /health/ready', 'GET /metrics', 'GET /openapi.json', 'GET /'];

const CONTROLLERS = [
  JobsController,
  StreamController,
  TicketsController,
  ApiKeysController,
  RevocationsController,
  AuditController,
  OperationsController,
].map((controller) => ({ name: controller.name, controller }));

const operations = new Map(
  Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, described]): [string, Operation] => [
      `${method.toUpperCase()} ${path}`,
      described,
    ]),
  ),
);

function operation(name: string): Operation {
  const found = operations.get(name);
  if (!found) throw new Error(`${name} is not described.`);
  return found;
}

/** `GET /jobs/{id}` and the like, of every handler of a controller, as Nest keeps them. */
function routesOf({ prototype }: { prototype: object }): string[] {
  const base = String(Reflect.getMetadata('path', prototype.constructor)).replace(/^\/$/, '');
  return Object.getOwnPropertyNames(prototype).flatMap((name) => {
    const handler: unknown = Object.getOwnPropertyDescriptor(prototype, name)?.value;
    if (typeof handler !== 'function' || !Reflect.hasMetadata('method', handler)) return [];
    const path = String(Reflect.getMetadata('path', handler)).replace(/^\/$/, '');
    const method = RequestMethod[Number(Reflect.getMetadata('method', handler))];
    return [`${method} /${[base, path].filter(Boolean).join('/')}`.replace(/:(\w+)/g, '{$1}')];
  });
}

/** Every object inside a value, the value included. */
function objectsIn(value: unknown): object[] {
  if (typeof value !== 'object' || value === null) return [];
  return [value, ...Object.values(value).flatMap(objectsIn)];
}

function resolve(ref: string): unknown {
  const steps = ref.replace(/^#\//, '').split('/');
  return steps.reduce<unknown>((at, step) => (at as Record<string, unknown> | undefined)?.[step], document);
}

const references = objectsIn(document).flatMap((item) => ('$ref' in item ? [String(item.$ref)] : []));

describe('the OpenAPI document', () => {
  it('describes every route of the contract that there is, and no other', () => {
    expect([...operations.keys()].toSorted()).toEqual([...PRIVATE, ...PUBLIC].toSorted());
  });

  it.each(CONTROLLERS)('knows every route of $name', ({ controller }) => {
    const routes = routesOf(controller);
    expect(routes).not.toEqual([]);
    expect(routes.filter((route) => !operations.has(route))).toEqual([]);
  });

  it('has no reference that leads nowhere', () => {
    expect(references.length).toBeGreaterThan(50);
    expect(references.filter((ref) => resolve(ref) === undefined)).toEqual([]);
  });

  it('holds no schema, parameter or response that nothing refers to', () => {
    const parts = Object.entries(document.components)
      .filter(([kind]) => kind !== 'securitySchemes')
      .flatMap(([kind, named]) => Object.keys(named).map((name) => `#/components/${kind}/${name}`));
    expect(parts.filter((part) => !references.includes(part))).toEqual([]);
  });

  it('is of version 3.1 and carries the version of the package', () => {
    expect(document.openapi).toMatch(/^3\.1\./);
    expect(document.info.version).toMatch(/^\d+\.\d+\.\d+/);
  });

  it('gives every operation a name of its own', () => {
    const names = [...operations.values()].map(({ operationId }) => operationId);
    expect(new Set(names).size).toBe(names.length);
  });

  it.each(PRIVATE)('asks for a bearer token at %s and says how it refuses', (name) => {
    const { security = document.security, responses } = operation(name);
    const others = STREAMS.includes(name) ? [{ ticket: [] }, { streamCookie: [] }] : [];
    expect(security).toEqual([{ bearer: [] }, ...others]);
    expect(Object.keys(responses)).toEqual(expect.arrayContaining(['401', '403', '503']));
  });

  it.each(PRIVATE.filter((name) => name.includes('/jobs/{id}')))(
    'names the job and its absence at %s',
    (name) => {
      const { parameters = [], responses } = operation(name);
      expect(parameters.some(({ $ref }) => $ref === '#/components/parameters/Id')).toBe(true);
      expect(responses).toHaveProperty('404');
    },
  );

  it.each(PUBLIC)('asks for nothing at %s', (name) => {
    expect(operation(name).security).toEqual([]);
  });

  it.each(STREAMS)('names the schema of every event at %s', (name) => {
    const { 200: answer, 429: refusal } = operation(name).responses;
    const { content } = answer as { content: Record<string, { 'x-events': Record<string, object> }> };
    expect(Object.keys(content['text/event-stream']?.['x-events'] ?? {})).toEqual(
      expect.arrayContaining(['reset', 'bye', 'heartbeat']),
    );
    expect(refusal).toBeDefined();
  });

  it('describes a job with the keys that it has, and requires all but the payload', () => {
    const at = new Date(0);
    const view = toJobView({ id: '1', createdAt: at, runAt: at, updatedAt: at } as Job, '');
    const { properties = {}, required = [] } = document.components.schemas['JobView'] ?? {};
    expect(required.toSorted()).toEqual(Object.keys(view).toSorted());
    expect(Object.keys(properties).filter((key) => !required.includes(key))).toEqual(['payload']);
  });
});
