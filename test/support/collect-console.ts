import { format } from 'node:util';
import { collectOutput } from './collected-log.ts';

// What a test file prints by itself, or a library in it, is searched for secrets like the logs.

for (const name of ['log', 'info', 'warn', 'error', 'debug'] as const) {
  const print = console[name].bind(console);
  console[name] = (...parts: unknown[]): void => {
    collectOutput('console', format(...parts));
    print(...parts);
  };
}

for (const stream of [process.stdout, process.stderr]) {
  const write = stream.write.bind(stream) as (...parts: unknown[]) => boolean;
  stream.write = (...parts: unknown[]): boolean => {
    collectOutput('output', String(parts[0]));
    return write(...parts);
  };
}
