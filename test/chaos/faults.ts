import { setTimeout as delay } from 'node:timers/promises';
import type { Lab } from '../faults/lab/lab.ts';
import type { Fleet } from './fleet.ts';
import type { Random } from './random.ts';

export interface Setting {
  lab: Lab;
  fleet: Fleet;
  random: Random;
  /** The longest that a server may be away, in milliseconds. */
  longestOutageMs: number;
}

/** Breaks something and resolves when it has been mended; says what it did. */
type Fault = (setting: Setting) => Promise<string>;

/** Those of processes, and those of servers: one of each may happen at a time. */
export const PROCESS_FAULTS: Fault[] = [killWorker, killApi, freezeWorker, freezeApi, stopWorker, stopApi];
export const SERVER_FAULTS: Fault[] = [
  emptyRedis,
  restartRedis,
  freezeRedis,
  restartPostgres,
  killConnections,
  killConnections,
  offerTwice,
];

async function killWorker({ fleet, random }: Setting): Promise<string> {
  await fleet.break(random.pick(fleet.of('worker')), (host) => host.kill());
  return 'kill -9 of a worker';
}

async function killApi({ fleet, random }: Setting): Promise<string> {
  await fleet.break(random.pick(fleet.of('api')), (host) => host.kill());
  return 'kill -9 of an API process';
}

async function freezeWorker({ fleet, random }: Setting): Promise<string> {
  await fleet.break(random.pick(fleet.of('worker')), async (host) => {
    host.freeze();
    // Past the lease of 2 s, or not.
    await delay(random.integer(500, 5_000));
    host.thaw();
  });
  return 'a worker frozen';
}

async function freezeApi({ fleet, random }: Setting): Promise<string> {
  await fleet.break(random.pick(fleet.of('api')), async (host) => {
    host.freeze();
    await delay(random.integer(500, 3_000));
    host.thaw();
  });
  return 'an API process frozen';
}

async function stopWorker({ fleet, random }: Setting): Promise<string> {
  await fleet.break(random.pick(fleet.of('worker')), (host) => fleet.terminate(host));
  return 'SIGTERM of a worker';
}

async function stopApi({ fleet, random }: Setting): Promise<string> {
  await fleet.break(random.pick(fleet.of('api')), (host) => fleet.terminate(host));
  return 'SIGTERM of an API process';
}

async function emptyRedis({ lab }: Setting): Promise<string> {
  await lab.servers.redis.command((redis) => redis.flushall());
  return 'Redis emptied';
}

async function restartRedis({ lab, random, longestOutageMs }: Setting): Promise<string> {
  const signal = random.pick(['SIGTERM', 'SIGKILL'] as const);
  const awayMs = random.integer(0, longestOutageMs);
  await lab.servers.redis.stop(signal);
  await delay(awayMs);
  await lab.servers.redis.start();
  return `Redis ended by ${signal}, away for ${awayMs} ms`;
}

async function freezeRedis({ lab, random }: Setting): Promise<string> {
  const frozenMs = random.integer(500, 8_000);
  lab.servers.redis.freeze();
  await delay(frozenMs);
  lab.servers.redis.thaw();
  return `Redis frozen for ${frozenMs} ms`;
}

async function restartPostgres({ lab, random, longestOutageMs }: Setting): Promise<string> {
  const how = random.pick(['fast', 'crash'] as const);
  const awayMs = random.integer(0, longestOutageMs / 3);
  await lab.servers.postgres.stop(how);
  await delay(awayMs);
  await lab.servers.postgres.start();
  return `Postgres stopped (${how}), away for ${awayMs} ms`;
}

async function killConnections({ lab, random }: Setting): Promise<string> {
  const kind = random.pick(['normal', 'pubsub', 'blocked'] as const);
  const killed = await lab.servers.redis.killConnections(kind);
  return `${killed} ${kind} Redis connections closed`;
}

/** What a relay leaves behind that dies between adding to Bull and marking the rows. */
async function offerTwice({ lab }: Setting): Promise<string> {
  await lab.ledger.query(
    `UPDATE jobs.job SET stage = 'ready', offer_again_at = NULL WHERE stage = 'offered'`,
  );
  return 'everything that was offered forgotten';
}
