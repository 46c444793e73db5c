import { connect, Socket } from 'node:net';
import { connect as connectSecurely } from 'node:tls';
import { AbstractConnector, type RedisOptions } from 'ioredis';
import type { ClusterNode } from '../jobs.options.ts';

/** After this long a connection that was asked to end is cut; ioredis's own default. */
const DISCONNECT_MS = 2_000;

/**
 * The part of ioredis that opens a connection's socket, made to ask where to before every attempt, as its connector
 * for Sentinel does.
 */
export function foundConnector(find: () => Promise<ClusterNode>): NonNullable<RedisOptions['Connector']> {
  return class extends AbstractConnector {
    readonly #tls: RedisOptions['tls'];

    constructor(options: unknown) {
      const { disconnectTimeout, tls } = options as RedisOptions;
      super(disconnectTimeout ?? DISCONNECT_MS);
      this.#tls = tls;
    }

    async connect(): Promise<Socket> {
      this.connecting = true;
      try {
        this.stream = this.#open(await find());
        this.stream.once('error', (error: Error) => (this.firstError = error));
      } catch (error) {
        // A rejection would end the connection for good. A socket that broke is tried again, and reported.
        this.firstError = error as Error;
        this.stream = new Socket().destroy();
      }
      return this.stream;
    }

    /** Gets what INFO says: a master that was demoted since it was found is asked for nothing. */
    override check({ role }: { role?: string }): boolean {
      return role === undefined || role === 'master';
    }

    #open({ host, port = 6379 }: ClusterNode): Socket {
      // ioredis ignores an error of this message, as it was told to disconnect meanwhile.
      if (!this.connecting) throw new Error('Connection is closed.');
      return this.#tls ? connectSecurely({ host, port, ...this.#tls }) : connect({ host, port });
    }
  };
}
