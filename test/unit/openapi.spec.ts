import 'reflect-metadata';
import { describe, expect, it } from '@jest/globals';
import { RequestMethod } from '@nestjs/common';
import { createConfig, lintFromString } from '@redocly/openapi-core';
import { Validator } from '@seriousme/openapi-schema-validator';
import { HttpModule } from '../../src/http/http.module.ts';
import { type Job, toJobView } from '../../src/job/job.ts';
import { jobsOpenApi } from '../../src/openapi.ts';
import { openApiDocument } from '../../src/service/openapi.ts';
import { OperationsController } from '../../src/service/operations.controller.ts';

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
  servers: { url: string }[];
  components: { schemas: Record<string, Schema> };
}

interface Schema {
  properties?: Record<string, { default?: unknown }>;
  required?: string[];
  additionalProperties?: unknown;
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

const CONTROLLERS = [...(HttpModule.of([]).controllers ?? []), OperationsController].map((controller) => ({
  name: controller.name,
  controller,
}));

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

function schemaOf(name: string): Schema {
  const schema = document.components.schemas[name];
  if (!schema) throw new Error(`There is no schema ${name}.`);
  return schema;
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

  it('describes no route that no controller has', () => {
    const routes = CONTROLLERS.flatMap(({ controller }) => routesOf(controller));
    // That of the dashboard, which has others for the parts of its page.
    expect([...routes, 'GET /'].toSorted()).toEqual([...operations.keys()].toSorted());
  });

  it('is valid OpenAPI 3.1', async () => {
    const validator = new Validator();
    expect(await validator.validate(structuredClone(openApiDocument) as never)).toEqual({ valid: true });
    expect(validator.version).toBe('3.1');
  });

  it('is linted without an error', async () => {
    const config = await createConfig({ extends: ['recommended'] });
    const source = JSON.stringify(openApiDocument);
    const problems = await lintFromString({ source, absoluteRef: 'openapi.json', config });
    expect(problems.filter(({ severity }) => severity === 'error')).toEqual([]);
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

  it('names a server', () => {
    expect(document.servers).toEqual([{ url: '/' }]);
  });

  it.each(['SubmitRequest', 'TicketRequest', 'ApiKeyRequest', 'RevocationRequest'])(
    'closes %s and requires nothing of it that has a default',
    (name) => {
      const { properties = {}, required = [], additionalProperties } = schemaOf(name);
      expect(additionalProperties).toBe(false);
      expect(Object.keys(properties)).toEqual(expect.arrayContaining(required));
      expect(required.filter((key) => properties[key]?.default !== undefined)).toEqual([]);
    },
  );

  it('requires a type and a payload of a submit, and no more', () => {
    expect(schemaOf('SubmitRequest').required).toEqual(['type', 'payload']);
  });

  it.each(['JobView', 'SubmitAnswer', 'JobPage', 'LogPage', 'Error', 'JobData'])(
    'leaves %s open, so that a new field breaks no client',
    (name) => {
      expect(schemaOf(name)).not.toHaveProperty('additionalProperties');
    },
  );

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
    const { properties = {}, required = [] } = schemaOf('JobView');
    expect(required.toSorted()).toEqual(Object.keys(view).toSorted());
    expect(Object.keys(properties).filter((key) => !required.includes(key))).toEqual(['payload']);
  });
});

describe('jobsOpenApi()', () => {
  it('puts the path of the host before every route, and names its public path as the server', () => {
    const { paths, servers } = jobsOpenApi({ path: '/background/', publicPath: '/api' });
    expect(servers).toEqual([{ url: '/api' }]);
    expect(Object.keys(paths)).toContain('/background/jobs/{id}');
    expect(Object.keys(paths).filter((path) => !path.startsWith('/background/'))).toEqual([]);
  });

  it('asks for what the host has in place of a bearer token, and for tickets at streams', () => {
    const session = { type: 'apiKey' as const, in: 'cookie', name: 'sid' };
    const { security, paths, components } = jobsOpenApi({ security: { session } });
    expect(security).toEqual([{ session: [] }]);
    expect(components.securitySchemes).toHaveProperty('session', session);
    expect(components.securitySchemes).not.toHaveProperty('bearer');
    expect(paths['/jobs/events']?.['get']?.security).toEqual([
      { session: [] },
      { ticket: [] },
      { streamCookie: [] },
    ]);
  });

  it('takes a title and a version', () => {
    expect(jobsOpenApi({ title: 'Albums', version: '7.0.0' }).info).toMatchObject({
      title: 'Albums',
      version: '7.0.0',
    });
  });
});
