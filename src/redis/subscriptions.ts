import { Injectable, Logger } from '@nestjs/common';
import { faultText } from '../runtime/loggable.ts';
import { Outage } from '../runtime/outage.ts';
import type { Part } from '../runtime/part.ts';
import { RedisConnections } from './redis-connections.ts';

export interface Subscriber {
  /** A message of the channel. */
  onMessage(message: string): void;
  /** The subscription was acknowledged, again after each reconnect: what came before may have been missed. */
  onSubscribed(): void;
}

/** Channels of one SUBSCRIBE command. */
const CHUNK = 500;
const CONTEXT = 'Jobstream Redis';

/**
 * Reference-counted subscriptions over the one subscriber connection. A message that is published while the
 * connection is away is lost; `onSubscribed` says when to catch up.
 */
@Injectable()
export class Subscriptions implements Part {
  readonly #log = new Logger(CONTEXT);
  readonly #listeners = new Outage(CONTEXT, 'Listeners take what they are told again');
  readonly #channels = new Map<string, Set<Subscriber>>();

  constructor(private readonly connections: RedisConnections) {
    const { subscriber } = connections;
    subscriber.on('message', (channel: string, message: string) => {
      for (const listener of this.#channels.get(channel) ?? [])
        this.#tell(channel, () => listener.onMessage(message));
    });
    subscriber.on('ready', () => void this.#subscribe([...this.#channels.keys()]));
    if (subscriber.status === 'ready') void this.#subscribe([...this.#channels.keys()]);
  }

  /** Listens to a channel; call what it returns to stop. */
  listen(channel: string, listener: Subscriber): () => void {
    const listeners = this.#channels.get(channel);
    if (listeners) {
      listeners.add(listener);
      this.#tell(channel, () => listener.onSubscribed());
    } else {
      this.#channels.set(channel, new Set([listener]));
      void this.#subscribe([channel]);
    }
    return () => this.#forget(channel, listener);
  }

  /** Channels that are listened to. */
  get size(): number {
    return this.#channels.size;
  }

  stop(): void {
    this.#channels.clear();
  }

  async #subscribe(channels: string[]): Promise<void> {
    const { subscriber } = this.connections;
    // Not connected: `ready` subscribes to everything that is wanted by then.
    if (subscriber.status !== 'ready') return;
    try {
      for (let from = 0; from < channels.length; from += CHUNK) {
        const chunk = channels.slice(from, from + CHUNK);
        await subscriber.subscribe(...chunk);
        for (const channel of chunk) this.#announce(channel);
      }
    } catch (error) {
      this.#log.warn(`Subscribing failed: ${faultText(error)}. Connecting again.`);
      subscriber.disconnect(true);
    }
  }

  #announce(channel: string): void {
    const listeners = this.#channels.get(channel);
    if (!listeners) return this.#unsubscribe(channel);
    for (const listener of listeners) this.#tell(channel, () => listener.onSubscribed());
  }

  /** A listener that throws harms neither the others nor the connection. */
  #tell(channel: string, tell: () => void): void {
    try {
      tell();
      this.#listeners.over();
    } catch (error) {
      this.#listeners.told(`A listener to ${channel} failed`, error);
    }
  }

  #forget(channel: string, listener: Subscriber): void {
    const listeners = this.#channels.get(channel);
    if (!listeners?.delete(listener) || listeners.size > 0) return;
    this.#channels.delete(channel);
    this.#unsubscribe(channel);
  }

  #unsubscribe(channel: string): void {
    const { subscriber } = this.connections;
    if (subscriber.status !== 'ready') return;
    subscriber.unsubscribe(channel).catch((error: Error) => {
      // A channel that stays subscribed costs little, and the next connection starts without it.
      this.#log.debug(`Unsubscribing from ${channel} failed: ${faultText(error)}`);
    });
  }
}
