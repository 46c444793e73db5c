import { type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { SAFE_HEADERS } from './browser-safety.ts';
import { errorBody } from './error-body.ts';

/** What both HTTP servers allow a client; their own defaults differ, and Fastify's lets a request take for ever. */
const LIMITS = {
  /** For the request line and the headers, and for the first byte of a new connection. */
  headersTimeout: 10_000,
  /** For a whole request: 64 KiB of body at 3.3 KB/s. Answers, and so streams, may take as long as they like. */
  requestTimeout: 20_000,
  /** How often those two are checked. */
  connectionsCheckingInterval: 2_000,
  /** Between two requests: longer than the minute of common load balancers, which must be the ones to close. */
  keepAliveTimeout: 72_000,
};

/** Sets the limits of a server that does not listen yet. */
export function limitClients(server: Server): void {
  Object.assign(server, LIMITS);
  server.on('checkExpectation', refuseExpectation);
}

interface HttpSocket extends Duplex {
  /** Node's own note of the answer that is being written. */
  _httpMessage?: { headersSent: boolean } | null;
}

type Answer = [status: number, message: string];

/** By the codes of Node's errors. */
const ANSWERS: Readonly<Record<string, Answer>> = {
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'The request took too long to arrive.'],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: [413, 'The chunk extensions are too long.'],
  HPE_HEADER_OVERFLOW: [431, 'The headers are too long.'],
};
const NOT_HTTP: Answer = [400, 'The request is not valid HTTP.'];

/** What the answers carry that no framework has a part in. */
const CLOSING = { ...SAFE_HEADERS, Connection: 'close', 'Content-Type': 'application/json; charset=utf-8' };

/** Answers what is no HTTP and closes; in the middle of an answer, such as a stream, it only closes. */
export function answerClientError({ code = '' }: NodeJS.ErrnoException, socket: HttpSocket): void {
  const [status, message] = ANSWERS[code] ?? NOT_HTTP;
  const { _httpMessage: answer } = socket;
  if (socket.writable && !answer?.headersSent) {
    const body = JSON.stringify(errorBody(status, message));
    const headers = { ...CLOSING, 'Content-Length': Buffer.byteLength(body) };
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.write(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n${body}`);
  }
  socket.destroy();
}

/** RFC 9110, 10.1.1: an `Expect` other than `100-continue`. */
function refuseExpectation(_request: IncomingMessage, response: ServerResponse): void {
  refuse(response, 417, 'Only the expectation 100-continue is met.');
}

/** Answers what no framework answers in the module's shape, and closes. */
export function refuse(response: ServerResponse, status: number, message: string): void {
  response.writeHead(status, CLOSING);
  response.end(JSON.stringify(errorBody(status, message)));
}
