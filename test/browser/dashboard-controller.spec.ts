import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Controller, Get, Param, type INestApplication, type Type, UseGuards } from '@nestjs/common';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { DashboardController } from '../../src/dashboard/dashboard.controller.ts';

/** Routes of the service that the page must leave alone. */
@Controller()
class NeighbourController {
  @Get(['jobs', 'metrics', 'openapi.json', 'health/ready'])
  answer(): string {
    return 'neighbour';
  }

  @Get('jobs/:id')
  job(@Param('id') id: string): string {
    return `job ${id}`;
  }
}

/** As the guide to the dashboard keeps strangers from the page. */
@Controller()
@UseGuards({ canActivate: () => false })
class GuardedDashboard extends DashboardController {}

const ADAPTERS = [
  ['Express', () => new ExpressAdapter()],
  ['Fastify', () => new FastifyAdapter()],
] as const;
const PREFIXES = ['', 'ops/queue'];

async function serve(
  adapter: ExpressAdapter | FastifyAdapter,
  prefix: string,
  dashboard: Type = DashboardController,
): Promise<INestApplication> {
  const module = await Test.createTestingModule({
    controllers: [dashboard, NeighbourController],
  }).compile();
  const app = module.createNestApplication(adapter, { logger: false });
  if (prefix) app.setGlobalPrefix(prefix);
  await app.listen(0, '127.0.0.1');
  return app;
}

describe.each(ADAPTERS)('The dashboard on %s', (_name, makeAdapter) => {
  describe.each(PREFIXES)('below "/%s"', (prefix) => {
    let app: INestApplication;
    let base: string;

    beforeAll(async () => {
      app = await serve(makeAdapter(), prefix);
      base = `${await app.getUrl()}/${prefix ? `${prefix}/` : ''}`;
    });

    afterAll(() => app.close());

    it('serves the page with a strict policy', async () => {
      const response = await fetch(`${base}${prefix && 'index.html'}`);

      expect(response.status).toBe(200);
      expect(await response.text()).toContain('<title>Jobstream</title>');
      expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8');
      expect(response.headers.get('content-security-policy')).toContain(
        "default-src 'none'; script-src 'self'",
      );
      expect(response.headers.get('x-content-type-options')).toBe('nosniff');
      expect(response.headers.get('referrer-policy')).toBe('no-referrer');
      expect(response.headers.get('cache-control')).toBe('no-cache');
    });

    it('serves every file that the page and its modules name', async () => {
      const page = await (await fetch(new URL('index.html', base))).text();
      const names = [...page.matchAll(/(?:src|href)="([\w.-]+)"/g)].map((match) => match[1] ?? '');
      expect(names).toEqual(expect.arrayContaining(['style.css', 'jobs.css', 'app.js']));
      for (const name of names) {
        const response = await fetch(new URL(name, base));
        expect([name, response.status]).toEqual([name, 200]);
        const imports = (await response.text()).matchAll(/ from '\.\/([\w.-]+)'/g);
        for (const [, imported] of imports) if (imported && !names.includes(imported)) names.push(imported);
      }
      expect(names).toContain('job-row.js');
    });

    it('serves styles and modules with their types', async () => {
      const style = await fetch(new URL('style.css', base));
      const script = await fetch(new URL('app.js', base));

      expect(style.headers.get('content-type')).toBe('text/css; charset=utf-8');
      expect(script.headers.get('content-type')).toBe('text/javascript; charset=utf-8');
    });

    it('answers 304 without a body to a browser that has the file', async () => {
      const etag = (await fetch(new URL('app.js', base))).headers.get('etag') ?? '';
      for (const known of [etag, `W/${etag}`, `"other", ${etag}`]) {
        const response = await fetch(new URL('app.js', base), { headers: { 'if-none-match': known } });
        expect([response.status, await response.text()]).toEqual([304, '']);
      }
      const changed = await fetch(new URL('app.js', base), { headers: { 'if-none-match': '"other"' } });
      expect(changed.status).toBe(200);
    });

    it('says why there is no browser client when it runs from the sources', async () => {
      const response = await fetch(new URL('client/index.js', base));

      expect(response.status).toBe(404);
      expect(await response.text()).toContain('npm run build');
    });

    it.each([
      'client/..%2f..%2fmain.js',
      'client/%2e%2e%2fpackage.json',
      'dashboard.controller.ts',
      'nothing.js',
    ])('does not serve %s', async (path) => {
      expect((await fetch(base + path)).status).toBe(404);
    });

    it.each(['jobs', 'metrics', 'openapi.json', 'health/ready'])('leaves /%s alone', async (path) => {
      expect(await (await fetch(base + path)).text()).toBe('neighbour');
    });

    it('leaves /jobs/app.js alone', async () => {
      expect(await (await fetch(`${base}jobs/app.js`)).text()).toBe('job app.js');
    });
  });

  it('leads from the prefix alone to the page', async () => {
    const app = await serve(makeAdapter(), 'ops/queue');
    try {
      const url = await app.getUrl();
      const response = await fetch(`${url}/ops/queue`);

      expect(response.url).toBe(`${url}/ops/queue/index.html`);
      expect(await response.text()).toContain('<title>Jobstream</title>');
    } finally {
      await app.close();
    }
  });

  it.each(['', 'index.html', 'app.js', 'client/index.js'])(
    'lets a guard of the host keep strangers from /%s',
    async (path) => {
      const app = await serve(makeAdapter(), '', GuardedDashboard);
      try {
        expect((await fetch(`${await app.getUrl()}/${path}`)).status).toBe(403);
      } finally {
        await app.close();
      }
    },
  );
});
