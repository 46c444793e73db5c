import { describe, expect, it } from '@jest/globals';
import { createConfig, lintFromString } from '@redocly/openapi-core';
import { Validator } from '@seriousme/openapi-schema-validator';
import { addJobsTo, jobsOpenApi } from '../../src/openapi.ts';

const CATS = {
  operationId: 'findCats',
  summary: 'Find cats',
  security: [],
  responses: { 200: { description: 'Cats.' } },
};

/** As `SwaggerModule.createDocument()` makes one. */
function aHost(parts: { openapi?: string; paths?: object; schemas?: object } = {}) {
  const {
    openapi = '3.0.0',
    paths = { '/cats': { get: CATS } },
    schemas = { Cat: { type: 'object' } },
  } = parts;
  return {
    openapi,
    info: { title: 'Host', version: '1.0.0' },
    servers: [{ url: 'https://cats.example.org' }],
    tags: [{ name: 'jobs', description: 'Of cats' }],
    paths,
    components: { schemas, securitySchemes: { session: { type: 'apiKey', in: 'cookie', name: 'sid' } } },
  };
}

interface Operation {
  operationId: string;
  security: Record<string, string[]>[];
}

function operationsOf({ paths }: { paths: object }): [string, Operation][] {
  return Object.entries(paths as Record<string, Record<string, Operation>>).flatMap(([path, methods]) =>
    Object.values(methods).map((operation): [string, Operation] => [path, operation]),
  );
}

describe('addJobsTo()', () => {
  it.each(['3.0.0', '3.1.0'])('makes a valid document of one of OpenAPI %s', async (openapi) => {
    const merged = addJobsTo(aHost({ openapi }), { path: 'api', security: ['session'] });

    const validator = new Validator();
    expect(await validator.validate(structuredClone(merged) as never)).toEqual({ valid: true });
    expect(openapi).toContain(validator.version);
    const config = await createConfig({ extends: ['recommended'] });
    const problems = await lintFromString({
      source: JSON.stringify(merged),
      absoluteRef: 'host.json',
      config,
    });
    expect(problems.filter(({ severity }) => severity === 'error')).toEqual([]);
  });

  it('adds every route below the path, and leaves the document that it was given as it is', () => {
    const host = aHost();
    const before = structuredClone(host);

    const merged = addJobsTo(host, { path: 'api' });

    const added = Object.keys(merged.paths).filter((path) => path !== '/cats');
    expect(added).toEqual(Object.keys(jobsOpenApi({ path: 'api' }).paths));
    expect(merged.paths).toHaveProperty(['/cats'], { get: CATS });
    expect(merged.servers).toEqual(host.servers);
    expect(host).toEqual(before);
  });

  it('puts a prefix before schemas, operations and schemes, so that they meet none of the host', () => {
    const merged = addJobsTo(aHost({ schemas: { JobView: { type: 'string' } } }));

    expect(merged.components.schemas).toMatchObject({
      JobView: { type: 'string' },
      JobstreamJobView: { type: 'object' },
    });
    expect(merged.components.securitySchemes).toHaveProperty('JobstreamBearer');
    const names = operationsOf(merged).map(([, { operationId }]) => operationId);
    expect(names).toContain('jobstreamSubmitJob');
    const references = [...JSON.stringify(merged).matchAll(/"\$ref":"([^"]+)"/g)].map((match) => match[1]);
    expect(references.length).toBeGreaterThan(50);
    expect(references.filter((ref) => !/^#\/components\/\w+\/Jobstream\w+$/.test(ref ?? ''))).toEqual([]);
  });

  it('says at every operation of its own what it asks for', () => {
    const merged = addJobsTo(aHost(), { security: ['session'] });

    const asked = new Map(operationsOf(merged).map(([path, { security }]) => [path, security]));
    expect(asked.get('/jobs')).toEqual([{ session: [] }]);
    expect(asked.get('/jobs/events')).toEqual([
      { session: [] },
      { JobstreamTicket: [] },
      { JobstreamStreamCookie: [] },
    ]);
    expect(merged.components.securitySchemes).not.toHaveProperty('JobstreamBearer');
    expect(merged.components.securitySchemes.session).toEqual({ type: 'apiKey', in: 'cookie', name: 'sid' });
  });

  it('adds only tags that the document has not', () => {
    const { tags } = addJobsTo(aHost());
    expect(tags.map(({ name }) => name)).toEqual(['jobs', 'streams', 'access']);
    expect(tags[0]).toHaveProperty('description', 'Of cats');
  });

  it('refuses a path that the document has already, by whatever name of its parameter', () => {
    const host = aHost({ paths: { '/jobs/{number}': { get: CATS } } });
    expect(() => addJobsTo(host)).toThrow('already has the path "/jobs/{number}"');
    expect(() => addJobsTo(host, { path: 'background' })).not.toThrow();
  });

  it('refuses a component that the document has already', () => {
    const host = aHost({ schemas: { JobstreamJobView: {} } });
    expect(() => addJobsTo(host)).toThrow('"JobstreamJobView" in components.schemas');
    expect(() => addJobsTo(host, { prefix: 'Background' })).not.toThrow();
  });

  it('refuses a security scheme that the document has not, and a document that is not OpenAPI 3', () => {
    expect(() => addJobsTo(aHost(), { security: ['oauth'] })).toThrow('no security scheme "oauth"');
    expect(() => addJobsTo(aHost({ openapi: '2.0' }))).toThrow('version "2.0"');
  });
});
