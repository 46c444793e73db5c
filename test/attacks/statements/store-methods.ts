import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { jest } from '@jest/globals';

const STORE = join(import.meta.dirname, '../../../src/store');

type Methods = Record<string, (...given: unknown[]) => unknown>;

/** Watches every method of every class in `src/store`; answers a function that lists those that were not called. */
export async function watchStore(): Promise<() => string[]> {
  const watched: { name: string; wasCalled(): boolean }[] = [];
  for (const file of readdirSync(STORE)) {
    const exported = (await import(join(STORE, file))) as Record<string, unknown>;
    for (const one of Object.values(exported))
      if (typeof one === 'function' && String(one).startsWith('class ')) watchClass(one);
  }
  return () => watched.filter(({ wasCalled }) => !wasCalled()).map(({ name }) => name);

  function watchClass({ name, prototype }: { name: string; prototype?: unknown }): void {
    const methods = prototype as Methods;
    for (const [method, { value }] of Object.entries(Object.getOwnPropertyDescriptors(methods))) {
      if (method === 'constructor' || typeof value !== 'function') continue;
      const spy = jest.spyOn(methods, method);
      watched.push({ name: `${name}.${method}`, wasCalled: () => spy.mock.calls.length > 0 });
    }
  }
}
