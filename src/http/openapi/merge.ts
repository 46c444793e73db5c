import { describeJobs, type JobsOpenApiDocument, type Operation, type SecurityScheme } from './document.ts';

/** The part of a host's document that is used here, as made by `SwaggerModule.createDocument()`. */
export interface HostDocument {
  openapi: string;
  paths: object;
  components?: object;
  tags?: { name: string }[];
}

export interface AddJobsOptions {
  /** Prefix of `/jobs` and the other routes in the document: the host's global prefix. Default: none. */
  path?: string;
  /**
   * Names of the document's security schemes; callers need any one of them. Default: an added scheme for bearer tokens.
   */
  security?: string[];
  /** Prefix of the names of schemas and operations, so that they do not clash with the host's. Default: `Jobstream`. */
  prefix?: string;
}

type Named = Record<string, unknown>;

/**
 * Returns a copy of the host's document with the module's routes. Supports OpenAPI 3.0 and 3.1. Throws when both have
 * the same path or name.
 */
export function addJobsTo<Document extends HostDocument>(
  document: Document,
  options: AddJobsOptions = {},
): Document {
  const { path = '', security, prefix = 'Jobstream' } = options;
  const theirs = namedIn(document.components, 'securitySchemes');
  const missing = security?.find((name) => !(name in theirs));
  if (missing !== undefined)
    throw new Error(`The document has no security scheme "${missing}", which addJobsTo() was given.`);
  const jobs = describeJobs(
    { path, ...(security ? { security: standIns(security) } : {}) },
    targetOf(document),
  );
  const nameOf = (name: string): string => (security?.includes(name) ? name : prefix + capital(name));
  const paths = prefixed(withSecurity(jobs), nameOf) as JobsOpenApiDocument['paths'];
  refuseSamePaths(document.paths, paths);
  return {
    ...document,
    tags: [...(document.tags ?? []), ...jobs.tags.filter(({ name }) => !hasTag(document, name))],
    paths: { ...document.paths, ...paths },
    components: { ...document.components, ...mergedComponents(document, jobs, nameOf, security ?? []) },
  };
}

/** Placeholders: the document already has these schemes, so they are not merged. */
function standIns(security: string[]): Record<string, SecurityScheme> {
  return Object.fromEntries(security.map((name) => [name, { type: 'http' }]));
}

function targetOf({ openapi }: HostDocument): 'openapi-3.0' | 'draft-2020-12' {
  if (openapi.startsWith('3.0.')) return 'openapi-3.0';
  if (/^3\.[1-9]/.test(openapi)) return 'draft-2020-12';
  throw new Error(`addJobsTo() supports documents of OpenAPI 3, but this one has version "${openapi}".`);
}

/** Copies the document-wide security to every operation, because the host's document may require something else. */
function withSecurity({ paths, security }: JobsOpenApiDocument): JobsOpenApiDocument['paths'] {
  const secured = ([path, methods]: [string, Record<string, Operation>]) => [
    path,
    Object.fromEntries(Object.entries(methods).map(([method, op]) => [method, { security, ...op }])),
  ];
  return Object.fromEntries(Object.entries(paths).map(secured)) as JobsOpenApiDocument['paths'];
}

/** OpenAPI treats paths that differ only in the names of parameters as the same. */
function refuseSamePaths(theirs: object, ours: object): void {
  const shape = (path: string): string => path.replace(/\{[^}]*\}/g, '{}');
  const taken = new Map(Object.keys(theirs).map((path) => [shape(path), path]));
  const clash = Object.keys(ours).find((path) => taken.has(shape(path)));
  if (clash === undefined) return;
  throw new Error(
    `The document already has the path "${taken.get(shape(clash))}", which is the same as Jobstream's "${clash}". ` +
      "Give the prefix of the module's routes as `path` of addJobsTo().",
  );
}

function mergedComponents(
  document: HostDocument,
  jobs: JobsOpenApiDocument,
  nameOf: (name: string) => string,
  known: string[],
): Record<string, Named> {
  const merged = Object.entries(jobs.components).map(([kind, named]): [string, Named] => {
    const theirs = namedIn(document.components, kind);
    const ours = Object.entries(named)
      .filter(([name]) => kind !== 'securitySchemes' || !known.includes(name))
      .map(([name, part]): [string, unknown] => [nameOf(name), prefixed(part, nameOf)]);
    const clash = ours.find(([name]) => name in theirs);
    if (clash)
      throw new Error(
        `The document already has "${clash[0]}" in components.${kind}. Give addJobsTo() another \`prefix\`.`,
      );
    return [kind, { ...theirs, ...Object.fromEntries(ours) }];
  });
  return Object.fromEntries(merged);
}

/** A part of the module's document, with the prefix on every reference, operation and security scheme. */
function prefixed(part: unknown, nameOf: (name: string) => string): unknown {
  if (Array.isArray(part)) return part.map((item) => prefixed(item, nameOf));
  if (typeof part !== 'object' || part === null) return part;
  const entries = Object.entries(part).map(([key, value]): [string, unknown] => {
    if (key === '$ref') return [key, String(value).replace(/[^/]+$/, nameOf)];
    if (key === 'operationId') return [key, small(nameOf(String(value)))];
    if (key === 'security') return [key, renamed(value as Named[], nameOf)];
    return [key, prefixed(value, nameOf)];
  });
  return Object.fromEntries(entries);
}

function renamed(ways: Named[], nameOf: (name: string) => string): Named[] {
  return ways.map((way) => Object.fromEntries(Object.entries(way).map(([name, of]) => [nameOf(name), of])));
}

const namedIn = (components: object | undefined, kind: string): Named =>
  (components as Record<string, Named> | undefined)?.[kind] ?? {};
const hasTag = ({ tags }: HostDocument, name: string): boolean =>
  tags?.some((tag) => tag.name === name) ?? false;
const capital = (name: string): string => name.charAt(0).toUpperCase() + name.slice(1);
const small = (name: string): string => name.charAt(0).toLowerCase() + name.slice(1);
