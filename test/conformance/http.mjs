// A plain HTTP client: node's own modules and nothing of the project, so that it proves what any client sees.
import { request as insecure } from 'node:http';
import { request as secure } from 'node:https';
import { connect as insecureSocket } from 'node:net';
import { connect as secureSocket } from 'node:tls';
import { EventStream } from './event-stream.mjs';

const ANSWER_MS = 15_000;

/** The deployed service below its base URL. */
export class Http {
  /** What was asked and answered, in words; the newest last. */
  exchanges = [];
  #base;

  constructor(url, token) {
    this.#base = new URL(url.endsWith('/') ? url : `${url}/`);
    this.token = token;
  }

  /** One exchange on a connection of its own. `token: null` sends no credential. */
  call(method, path, { body, headers, token } = {}) {
    const text = body === undefined ? undefined : JSON.stringify(body);
    return new Promise((resolve, reject) => {
      const call = this.#request(method, path, headers, token, text, (response) => {
        const chunks = [];
        response.on('data', (chunk) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const answer = answerOf(response, Buffer.concat(chunks).toString());
          this.exchanges.push(() => `${method} ${path}: ${answer.status} ${answer.text.slice(0, 300)}`);
          resolve(answer);
        });
      });
      const late = () => call.destroy(new Error(`${method} ${path}: no whole answer within ${ANSWER_MS} ms`));
      const timer = setTimeout(late, ANSWER_MS);
      call.on('close', () => clearTimeout(timer));
      call.on('error', reject);
      call.end(text);
    });
  }

  /** Opens an event stream; resolves to an `EventStream`, whatever its status is. */
  open(path, { headers, token } = {}) {
    const accept = { accept: 'text/event-stream', ...headers };
    return new Promise((resolve, reject) => {
      const call = this.#request('GET', path, accept, token, undefined, (response) => {
        const stream = new EventStream(call, response);
        const from = headers?.['last-event-id'] === undefined ? '' : ` from ${headers['last-event-id']}`;
        this.exchanges.push(() => `GET ${path}${from}: ${stream.status} ${stream.summary()}`);
        resolve(stream);
      });
      call.on('error', reject);
      call.end();
    });
  }

  /** A connection on which nothing is done but writing `text`; collects what comes. */
  raw(text) {
    const { hostname, port, protocol } = this.#base;
    const host = hostname.replace(/^\[|\]$/g, '');
    const options = { host, port: Number(port || (protocol === 'https:' ? 443 : 80)), servername: host };
    return new RawConnection(protocol === 'https:' ? secureSocket(options) : insecureSocket(options), text);
  }

  /** A request as text, for `raw()`. */
  requestText(method, path, { version = '1.1', headers = {} } = {}) {
    const lines = { host: this.#base.host, authorization: `Bearer ${this.token}`, ...headers };
    const head = Object.entries(lines).map(([name, value]) => `${name}: ${value}\r\n`);
    return `${method} ${this.#path(path)} HTTP/${version}\r\n${head.join('')}\r\n`;
  }

  #request(method, path, headers, token, text, onResponse) {
    const { hostname, port, protocol } = this.#base;
    const bearer = token === undefined ? this.token : token;
    const all = {
      ...(bearer === null ? {} : { authorization: `Bearer ${bearer}` }),
      ...(text === undefined
        ? {}
        : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
      ...headers,
    };
    const host = hostname.replace(/^\[|\]$/g, '');
    const options = { host, port, method, path: this.#path(path), headers: all, agent: false };
    return (protocol === 'https:' ? secure : insecure)(options, onResponse);
  }

  #path(path) {
    return `${this.#base.pathname.replace(/\/$/, '')}${path}`;
  }
}

/** A connection that speaks no HTTP of its own. */
export class RawConnection {
  text = '';
  closed = false;
  #waiting = new Set();

  constructor(socket, text) {
    this.socket = socket;
    const wake = () => {
      for (const look of this.#waiting) look();
    };
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      this.text += chunk.toString('latin1');
      wake();
    });
    socket.on('close', () => {
      this.closed = true;
      wake();
    });
    socket.write(text);
  }

  /** Resolves once `reached(this)`; rejects after `timeoutMs`. */
  until(reached, timeoutMs = 10_000) {
    return new Promise((resolve, reject) => {
      const done = (settle) => {
        clearTimeout(timer);
        this.#waiting.delete(look);
        settle();
      };
      const look = () => reached(this) && done(resolve);
      const timer = setTimeout(
        () =>
          done(() =>
            reject(
              new Error(`Waited ${timeoutMs} ms in vain; received ${JSON.stringify(this.text.slice(-500))}`),
            ),
          ),
        timeoutMs,
      );
      this.#waiting.add(look);
      look();
    });
  }

  leave() {
    this.socket.destroy();
  }
}

function answerOf({ statusCode, headers }, text) {
  const json = () => {
    try {
      return JSON.parse(text);
    } catch (cause) {
      throw new Error(`Status ${statusCode} with a body that is no JSON: ${text}`, { cause });
    }
  };
  return { status: statusCode, headers, text, json };
}
