import type { INestApplication } from '@nestjs/common';
import type { Environment } from '../../../src/service/environment.ts';
import { httpAdapter } from '../../../src/service/http-adapter.ts';
import { ServiceModule } from '../../../src/service/service.module.ts';
import { type Adapter, startApp, type TestApp } from '../../support/app.ts';

/** A method and a path as the router of the HTTP adapter knows it, for instance `GET /jobs/:id`. */
export interface Route {
  method: string;
  path: string;
}

export interface RecordedApp {
  app: TestApp;
  routes: Route[];
  /** The application behind it. */
  nest: INestApplication;
}

/**
 * The service, and every route that its HTTP server really has, whoever mounted it. `databaseUrl` may change the URL
 * by which the service, and nobody else, reaches its database.
 */
export async function startRecordedApp(
  adapter: Adapter,
  environment: Record<string, string>,
  databaseUrl = (url: string): string => url,
): Promise<RecordedApp> {
  const routes: Route[] = [];
  const apps: INestApplication[] = [];
  const start = async (given: Environment) => {
    const nest = await httpAdapter(adapter, rootOf(given, databaseUrl), { logger: false });
    apps.push(nest);
    if (adapter === 'fastify') recordFastify(nest, routes);
    await nest.listen(given.port, given.host);
    if (adapter === 'express') recordExpress(nest, routes);
    return { url: await nest.getUrl(), close: () => nest.close() };
  };
  const app = await startApp({ adapter, environment, start });
  const [nest] = apps;
  if (!nest) throw new Error('The service was not started.');
  return { app, routes, nest };
}

function rootOf(environment: Environment, urlOf: (url: string) => string) {
  const { redisUrl, jwt } = environment;
  const databaseUrl = environment.databaseUrl && urlOf(environment.databaseUrl);
  if (!databaseUrl || !redisUrl) throw new Error('The tests name their own servers.');
  return ServiceModule.of({ environment, databaseUrl, redisUrl, jwtSecret: jwt.secret });
}

interface FastifyRoute {
  method: string | string[];
  url: string;
}

interface Fastify {
  addHook(name: 'onRoute', hook: (route: FastifyRoute) => void): void;
}

function recordFastify(nest: INestApplication, routes: Route[]): void {
  const fastify = nest.getHttpAdapter().getInstance() as Fastify;
  fastify.addHook('onRoute', ({ method, url }) => {
    for (const name of [method].flat()) routes.push({ method: name, path: url });
  });
}

interface ExpressLayer {
  route?: { path: string | string[]; methods: Record<string, boolean> };
}

function recordExpress(nest: INestApplication, routes: Route[]): void {
  const { router } = nest.getHttpAdapter().getInstance() as { router: { stack: ExpressLayer[] } };
  for (const { route } of router.stack) {
    if (!route) continue;
    const methods = Object.keys(route.methods).filter((name) => route.methods[name]);
    for (const path of [route.path].flat())
      for (const name of methods) routes.push({ method: name.toUpperCase(), path });
  }
}
