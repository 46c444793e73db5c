// npm run screenshots: takes the pictures of the README from the dashboard while real jobs run behind it.
import { mkdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { ensureBuilt } from '../built.mjs';
import { readArguments } from '../command-line.mjs';

const HELP = `Usage: npm run screenshots [-- --out <folder>]

Starts a Postgres, a Redis and a host of its own in a temporary folder, submits jobs in every state, and takes pictures of
the dashboard with Chromium, in its light and its dark colours. Stops and removes all of it at the end. Takes a minute.
Runs what is built.

Options
  --out    where the pictures go (docs/pictures)
  --help   says this

Environment
  CHROMIUM_PATH   the browser (/usr/bin/chromium)

Example
  npm run screenshots -- --out /tmp/pictures
`;

const { values } = readArguments({
  help: HELP,
  options: { out: { type: 'string', default: resolve(import.meta.dirname, '../../docs/pictures') } },
});
ensureBuilt();

const say = (line) => console.log(line);

async function takePictures(folder, stopped) {
  // Reads what is built, which is certain only now.
  const [{ startHost }, { photograph }] = await Promise.all([import('./host.mjs'), import('./pictures.mjs')]);
  const host = await startHost(say);
  try {
    stopped.throwIfAborted();
    const opened = await host.fill();
    for (const path of await photograph(host, { opened, folder, say, stopped })) say(`Wrote ${path}`);
  } finally {
    await host.close();
    say('Everything that was started has stopped.');
  }
}

const folder = resolve(values.out);
const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'])
  process.once(signal, () => stop.abort(new Error(`Stopped by ${signal}.`)));
try {
  await mkdir(folder, { recursive: true });
  await takePictures(folder, stop.signal);
} catch (error) {
  console.error(stop.signal.aborted ? stop.signal.reason.message : error);
  process.exitCode = 1;
}
