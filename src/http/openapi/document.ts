import { createRequire } from 'node:module';
import { COMMON } from './parts.ts';
import { PATHS } from './paths.ts';
import { render, type Target } from './render.ts';

/** A security scheme, as OpenAPI describes one. */
export interface SecurityScheme {
  type: 'apiKey' | 'http' | 'oauth2' | 'openIdConnect';
  [part: string]: unknown;
}

export interface JobsOpenApiOptions {
  /** What stands before `/jobs` and the other routes, for instance a global prefix. Default: nothing. */
  path?: string;
  /** Where the world finds those paths: the `publicPath` of the module. Default: at the root of the server. */
  publicPath?: string;
  /**
   * How callers prove who they are, by name; any one of these will do. Default: `bearer`. Streams take tickets and
   * their cookies as well.
   */
  security?: Record<string, SecurityScheme>;
  /** Default: `Jobstream`. */
  title?: string;
  /** Default: the version of the package. */
  version?: string;
}

/** An operation, as far as it is looked at here. */
export interface Operation {
  operationId: string;
  tags: string[];
  security?: Record<string, string[]>[];
  responses: Record<string, { description: string }>;
}

/** An OpenAPI document of the module's routes. */
export interface JobsOpenApiDocument {
  openapi: string;
  info: { title: string; version: string; description: string };
  servers: { url: string }[];
  security: Record<string, string[]>[];
  tags: { name: string; description: string }[];
  paths: Record<string, Record<string, Operation>>;
  components: {
    securitySchemes: Record<string, SecurityScheme>;
    parameters: Record<string, { name: string; in: 'path' }>;
    responses: Record<string, { description: string }>;
    schemas: Record<string, object>;
  };
}

const BEARER: SecurityScheme = {
  type: 'http',
  scheme: 'bearer',
  bearerFormat: 'JWT',
  description: 'A JWT of the issuer, an API key, or a viewer token.',
};

/** Streams alone take these. */
const STREAM_SCHEMES: Record<string, SecurityScheme> = {
  ticket: { type: 'apiKey', in: 'query', name: 'ticket', description: 'From `POST /tickets`.' },
  streamCookie: {
    type: 'apiKey',
    in: 'cookie',
    name: 'jobstream_stream',
    description: 'Set by a stream that was opened with a ticket.',
  },
};

const TAGS = [
  { name: 'jobs', description: 'Submit jobs, show them, change their course.' },
  { name: 'streams', description: 'Follow jobs while they run.' },
  { name: 'access', description: 'Credentials, and who did what.' },
];

/**
 * The OpenAPI 3.1 document of the module's routes, for a host that serves it as it is; `addJobsTo()` merges it into one
 * of the host's own.
 */
export function jobsOpenApi(options: JobsOpenApiOptions = {}): JobsOpenApiDocument {
  return describeJobs(options, 'draft-2020-12');
}

/** The same in either dialect. */
export function describeJobs(options: JobsOpenApiOptions, target: Target): JobsOpenApiDocument {
  const { path = '', publicPath = '', security = { bearer: BEARER } } = options;
  const { title = 'Jobstream', version = packageVersion() } = options;
  const ways = anyOf(security);
  const draft = { paths: pathsBelow(path, [...ways, ...anyOf(STREAM_SCHEMES)]), components: COMMON };
  const { rendered, schemas } = render(draft, target);
  const { paths, components } = rendered;
  const description = 'Background jobs with live progress. docs/protocol.md describes the streams in full.';
  return {
    openapi: target === 'openapi-3.0' ? '3.0.3' : '3.1.0',
    info: { title, version, description },
    servers: [{ url: publicPath === '' ? '/' : publicPath }],
    security: ways,
    tags: TAGS,
    paths,
    components: { securitySchemes: { ...security, ...STREAM_SCHEMES }, ...components, schemas },
  };
}

function anyOf(schemes: Record<string, SecurityScheme>): Record<string, string[]>[] {
  return Object.keys(schemes).map((name) => ({ [name]: [] }));
}

function pathsBelow(path: string, ofStreams: Record<string, string[]>[]): JobsOpenApiDocument['paths'] {
  const trimmed = path.replace(/^\/+|\/+$/g, '');
  const prefix = trimmed === '' ? '' : `/${trimmed}`;
  const below: JobsOpenApiDocument['paths'] = {};
  for (const [name, methods] of Object.entries<Record<string, Operation>>(PATHS)) {
    const { get } = methods;
    const isStream = get?.tags.includes('streams');
    below[prefix + name] = get && isStream ? { get: { ...get, security: ofStreams } } : methods;
  }
  return below;
}

/** The package by its own name: the way to it differs between the sources and what is built of them. */
function packageVersion(): string {
  const manifest = createRequire(import.meta.url)('nestjs-jobstream/package.json') as { version: string };
  return manifest.version;
}
