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
  /** Prefix of `/jobs` and the other routes, such as a global prefix. Default: none. */
  path?: string;
  /** Where clients reach these paths: the module's `publicPath`. Default: the root of the server. */
  publicPath?: string;
  /**
   * Security schemes by name; callers need any one of them. Default: `bearer`. Streams also accept tickets and their
   * cookies.
   */
  security?: Record<string, SecurityScheme>;
  /** Default: `Jobstream`. */
  title?: string;
  /** Default: the version of the package. */
  version?: string;
}

/** The part of an operation that is used here. */
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
  description: 'A JWT from the issuer, an API key, or a viewer token.',
};

/** Accepted by streams only. */
const STREAM_SCHEMES: Record<string, SecurityScheme> = {
  ticket: { type: 'apiKey', in: 'query', name: 'ticket', description: 'From `POST /tickets`.' },
  streamCookie: {
    type: 'apiKey',
    in: 'cookie',
    name: 'jobstream_stream',
    description: 'Set by the response of a stream that was opened with a ticket.',
  },
};

const TAGS = [
  { name: 'jobs', description: 'Submit, show, cancel and retry jobs.' },
  { name: 'streams', description: 'Follow jobs while they run.' },
  { name: 'access', description: 'Credentials, and who did what.' },
];

/**
 * The OpenAPI 3.1 document of the module's routes, for a host that serves it separately. `addJobsTo()` merges it into
 * the host's own document.
 */
export function jobsOpenApi(options: JobsOpenApiOptions = {}): JobsOpenApiDocument {
  return describeJobs(options, 'draft-2020-12');
}

/** The document in either dialect of JSON Schema. */
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

/** Resolved by the package's name, because the relative path differs between sources and build. */
function packageVersion(): string {
  const manifest = createRequire(import.meta.url)('nestjs-jobstream/package.json') as { version: string };
  return manifest.version;
}
