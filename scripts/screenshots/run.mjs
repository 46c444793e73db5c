// npm run screenshots: takes the pictures of the README from the dashboard while real jobs run behind it.
import { mkdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';

const HELP = `Usage: npm run screenshots [-- --out <folder>]

Starts a Postgres, a Redis and a host of its own in a temporary folder, submits jobs in every state, and takes pictures of
the dashboard with Chromium, in its light and its dark colours. Stops and removes all of it at the end. Takes a minute.

  --out <folder>   where the pictures go (docs/pictures)
  --help           says this

CHROMIUM_PATH names the browser (/usr/bin/chromium).
`;

const OPTIONS = {
  out: { type: 'string', default: resolve(import.meta.dirname, '../../docs/pictures') },
  help: { type: 'boolean', default: false },
};

const say = (line) => console.log(line);

function readArguments() {
  try {
    return parseArgs({ options: OPTIONS }).values;
  } catch (error) {
    process.stderr.write(`${error.message}\n\n${HELP}`);
    return process.exit(2);
  }
}

async function takePictures(folder, stopped) {
  // Reads what is built, which --help does not need.
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

const { out, help } = readArguments();
if (help) process.stdout.write(HELP);
else {
  const folder = resolve(out);
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
}
