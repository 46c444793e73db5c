import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { basename, extname, join } from 'node:path';
import { Controller, Get, Header, Headers, HttpStatus, NotFoundException, Param } from '@nestjs/common';
import { Req, Res, VERSION_NEUTRAL } from '@nestjs/common';

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
};

/** The page may only load its own files and call its own origin, so texts of jobs cannot run scripts. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data:",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join('; ');

interface Asset {
  readonly body: string;
  readonly contentType: string;
  readonly etag: string;
}

/** The part of a request that Express and Fastify share. */
export interface PageRequest {
  readonly url: string;
  readonly originalUrl?: string;
}

/** The part of a reply that Express and Fastify share. */
export interface PageReply {
  status(code: number): unknown;
  header(name: string, value: string): unknown;
}

// Read once at start. A request's path is only used as a key of these maps, never to access files.
const PAGE = readAssets(join(import.meta.dirname, 'page'), Object.keys(CONTENT_TYPES));
const CLIENT = readAssets(join(import.meta.dirname, '..', 'client'), ['.js']);
const PAGE_PATHS = [...PAGE.keys()].filter((name) => name !== 'index.html');

/**
 * Serves the page at `/`, its files beside it and the compiled browser client below `client/`. Public, because the page
 * holds no data: it asks for a token and uses the HTTP interface with it. Also works below a global prefix.
 */
@Controller({ version: VERSION_NEUTRAL })
export class DashboardController {
  @Get(['/', 'index.html'])
  @Header('Content-Security-Policy', POLICY)
  index(
    @Req() request: PageRequest,
    @Res({ passthrough: true }) reply: PageReply,
    @Headers('if-none-match') known?: string,
  ): string | undefined {
    const [path = '/'] = (request.originalUrl ?? request.url).split('?', 1);
    // Below a prefix, the relative links of the page need a path that ends in a folder, and Fastify does not match a
    // trailing slash. So redirect to index.html.
    if (!/\/(index\.html)?$/.test(path)) return redirect(reply, `${basename(path)}/index.html`);
    return send(reply, known, PAGE.get('index.html'));
  }

  @Get(PAGE_PATHS)
  file(
    @Req() request: PageRequest,
    @Res({ passthrough: true }) reply: PageReply,
    @Headers('if-none-match') known?: string,
  ): string | undefined {
    const [path = ''] = request.url.split('?', 1);
    return send(reply, known, PAGE.get(basename(path)));
  }

  @Get('client/:file')
  client(
    @Param('file') file: string,
    @Res({ passthrough: true }) reply: PageReply,
    @Headers('if-none-match') known?: string,
  ): string | undefined {
    if (CLIENT.size === 0) {
      throw new NotFoundException(
        'The browser client is not compiled, because the service runs from its sources. Run `npm run build` and start it from dist.',
      );
    }
    return send(reply, known, CLIENT.get(file));
  }
}

/** The files of a folder with one of the `extensions`, by name; none if the folder does not exist. */
function readAssets(folder: string, extensions: readonly string[]): ReadonlyMap<string, Asset> {
  const assets = new Map<string, Asset>();
  for (const entry of readFolder(folder)) {
    const contentType = CONTENT_TYPES[extname(entry)];
    if (!contentType || !extensions.includes(extname(entry))) continue;
    const body = readFileSync(join(folder, entry), 'utf8');
    const etag = `"${createHash('sha256').update(body).digest('base64url')}"`;
    assets.set(entry, { body, contentType, etag });
  }
  return assets;
}

function readFolder(folder: string): string[] {
  try {
    return readdirSync(folder).toSorted();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

function redirect(reply: PageReply, location: string): undefined {
  reply.status(HttpStatus.PERMANENT_REDIRECT);
  reply.header('Location', location);
}

function send(reply: PageReply, known: string | undefined, asset: Asset | undefined): string | undefined {
  if (!asset) throw new NotFoundException('No such file.');
  reply.header('Cache-Control', 'no-cache');
  reply.header('ETag', asset.etag);
  reply.header('Referrer-Policy', 'no-referrer');
  reply.header('X-Content-Type-Options', 'nosniff');
  reply.header('Content-Type', asset.contentType);
  if (isKnown(asset.etag, known)) {
    reply.status(HttpStatus.NOT_MODIFIED);
    return undefined;
  }
  return asset.body;
}

/** RFC 9110, 13.1.2: `*`, or a list of tags, compared weakly because a compressing proxy makes them weak. */
function isKnown(etag: string, known: string | undefined): boolean {
  if (!known) return false;
  return known.split(',').some((tag) => ['*', etag].includes(tag.trim().replace(/^W\//, '')));
}
