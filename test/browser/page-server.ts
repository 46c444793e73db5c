import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

const PAGE = '<!doctype html><title>A page</title>';

/** A request that was passed on, and what it was answered; null: nothing, as nobody listened. */
export interface Passed {
  path: string;
  status: number | null;
}

/** Serves an empty page at `/`, and passes everything else on to an API, as a site does that has its API below it. */
export class PageServer {
  readonly passed: Passed[] = [];

  private constructor(
    readonly url: string,
    private readonly server: Server,
  ) {}

  static async start(api: string | null = null): Promise<PageServer> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const pages = new PageServer(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, server);
    server.on('request', (call: IncomingMessage, answer: ServerResponse) => {
      if (call.url === '/' || api === null) answer.setHeader('content-type', 'text/html').end(PAGE);
      else pages.#passOn(`${api}${call.url}`, call, answer);
    });
    return pages;
  }

  /** The streams that were asked for. */
  get streams(): Passed[] {
    return this.passed.filter(({ path }) => path.endsWith('/events'));
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }

  /** Where nobody listens, the connection is dropped: a status would be final to an EventSource. */
  #passOn(url: string, call: IncomingMessage, answer: ServerResponse): void {
    const passed: Passed = { path: new URL(url).pathname, status: null };
    this.passed.push(passed);
    const { method, headers } = call;
    const onward = request(url, { method, headers, agent: false }, (response) => {
      passed.status = response.statusCode ?? null;
      answer.writeHead(response.statusCode ?? 502, response.headers);
      response.pipe(answer);
      response.on('error', () => answer.destroy());
    });
    onward.on('error', () => answer.destroy());
    answer.on('close', () => onward.destroy());
    call.pipe(onward);
  }
}
