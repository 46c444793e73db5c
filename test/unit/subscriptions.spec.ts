import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import type { RedisConnections } from '../../src/redis/redis-connections.ts';
import { Subscriptions } from '../../src/redis/subscriptions.ts';

describe('listeners to one channel', () => {
  const lines: unknown[] = [];
  beforeEach(() => {
    lines.length = 0;
    for (const level of ['error', 'log'] as const)
      jest.spyOn(Logger.prototype, level).mockImplementation((line: unknown) => lines.push(line));
  });
  afterEach(() => {
    jest.restoreAllMocks();
  });

  it('are told, also when one of them throws', () => {
    const subscriber = Object.assign(new EventEmitter(), { status: 'connecting' });
    const subscriptions = new Subscriptions({ subscriber } as unknown as RedisConnections);
    const heard: string[] = [];
    const throwing = {
      onMessage: () => {
        throw new Error('refused');
      },
      onSubscribed: () => undefined,
    };
    subscriptions.listen('channel', throwing);
    subscriptions.listen('channel', {
      onMessage: (message) => heard.push(message),
      onSubscribed: () => undefined,
    });

    subscriber.emit('message', 'channel', 'one');
    subscriber.emit('message', 'channel', 'two');

    expect(heard).toEqual(['one', 'two']);
    expect(lines[0]).toBe('A listener to channel failed: refused');
  });
});
