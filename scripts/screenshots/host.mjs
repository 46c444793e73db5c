import 'reflect-metadata';
import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { TypeOrmModule } from '@nestjs/typeorm';
import { SignJWT } from 'jose';
import { DataSource } from 'typeorm';
import { DashboardController } from '../../dist/src/dashboard/dashboard.controller.js';
import { Jobs, JobsModule, migrate } from '../../dist/src/index.js';
import { openServers } from '../../dist/src/service/servers.js';
import { ACTS, Acts } from './acts.mjs';

const WHO = { tenant: 'acme', owner: 'ada' };
const jwt = { secret: randomBytes(32).toString('hex'), issuer: 'screenshots', audience: 'screenshots' };

// oxlint-disable-next-line typescript/no-extraneous-class -- a module
class ShowHost {}

/** A host with the dashboard and its own servers in a temporary folder: `{ url, token, fill(), close() }`. */
export async function startHost(say) {
  const folder = await mkdtemp(join(tmpdir(), 'jobstream-screenshots-'));
  // As root, Postgres runs under another account, which has to walk through it.
  await chmod(folder, 0o755);
  const cwd = process.cwd();
  process.chdir(folder);
  const undo = [async () => rm(folder, { recursive: true, force: true }), async () => process.chdir(cwd)];
  const close = async () => {
    for (const step of undo.splice(0).toReversed()) await step();
  };
  try {
    say(`Starting Postgres and Redis in ${folder}`);
    const servers = await openServers({ databaseUrl: null, redisUrl: null, production: false }, { log: say });
    undo.push(async () => servers.stop());
    const app = await listen(servers);
    undo.push(async () => app.close());
    const url = await app.getUrl();
    say(`The dashboard is at ${url}`);
    return { url, token: await tokenOf(WHO), fill: () => fill(app.get(Jobs), say), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function listen({ databaseUrl, redisUrl }) {
  Module({
    imports: [
      TypeOrmModule.forRoot({ type: 'postgres', url: databaseUrl }),
      JobsModule.forRoot({ redis: redisUrl, jwt, shutdownGraceMs: 500, cancelGraceMs: 500 }),
    ],
    controllers: [DashboardController],
    providers: [Acts],
  })(ShowHost);
  // One of the jobs fails on purpose, which would be logged as an error.
  const options = { logger: ['fatal'], forceCloseConnections: true };
  const app = await NestFactory.create(ShowHost, new FastifyAdapter(), options);
  await migrate(app.get(DataSource));
  await app.listen(0, '127.0.0.1');
  return app;
}

function tokenOf({ tenant, owner }) {
  return new SignJWT({ tenant, scope: 'jobs:read jobs:write' })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(owner)
    .setIssuer(jwt.issuer)
    .setAudience(jwt.audience)
    .setExpirationTime('1h')
    .sign(Buffer.from(jwt.secret));
}

/** Submits the jobs in order; resolves to the id of the one that the pictures open, once each is as it is to be shown. */
async function fill(jobs, say) {
  const shown = [];
  for (const { type, payload, status, startsIn = 0, ...options } of ACTS) {
    say(`Submitting ${type}, to be ${status}`);
    const runAt = new Date(Date.now() + startsIn);
    const { job } = await jobs.submit(type, payload, { ...WHO, ...options, ...(startsIn ? { runAt } : {}) });
    if (status === 'cancelled') {
      await delay(4_000);
      await jobs.cancel(job.id);
    }
    shown.push({ id: job.id, type, status });
    await delay(1_500);
  }
  for (const { id, status } of shown) await until(async () => (await jobs.get(id)).status === status);
  return shown.find(({ type }) => type === 'album.thumbnails').id;
}

async function until(condition) {
  const deadline = Date.now() + 30_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error('A job did not get the status that it is to be shown in.');
    await delay(100);
  }
}
