// npm run conformance -- --url http://… --token …: checks a deployed service against docs/protocol.md, over HTTP alone.
// It needs a token that may read and write jobs, and a worker that knows `demo.steps`. It cancels what it leaves.
import { readArguments, refuse } from '../../scripts/command-line.mjs';
import { Http } from './http.mjs';
import { distanceTo, Scene, Skipped } from './suite.mjs';
import * as bye from './rules/bye.mjs';
import * as disconnecting from './rules/disconnecting.mjs';
import * as end from './rules/end.mjs';
import * as feed from './rules/feed.mjs';
import * as frames from './rules/frames.mjs';
import * as head from './rules/head.mjs';
import * as heartbeat from './rules/heartbeat.mjs';
import * as http10 from './rules/http10.mjs';
import * as ids from './rules/ids.mjs';
import * as logs from './rules/logs.mjs';
import * as progress from './rules/progress.mjs';
import * as refusals from './rules/refusals.mjs';
import * as reset from './rules/reset.mjs';
import * as resume from './rules/resume.mjs';
import * as snapshot from './rules/snapshot.mjs';

const GROUPS = {
  ids,
  frames,
  snapshot,
  progress,
  resume,
  reset,
  end,
  logs,
  head,
  http10,
  refusals,
  feed,
  disconnecting,
  heartbeat,
  bye,
};
const RULE_MS = 120_000;
const HELP = `Usage: npm run conformance -- --url <http://host:port> --token <bearer token>
                               [--heartbeat-ms 15000] [--max-age-ms 600000] [--only ids,feed]

Checks a running service against docs/protocol.md, over HTTP alone, and cancels the jobs that it leaves. The service needs a
worker that knows \`demo.steps\`. Ends with 0 when every rule was kept, with 1 when one was not.

Options
  --url            where the service listens
  --token          of a caller who may read and write jobs (TOKEN of the environment)
  --heartbeat-ms   STREAM_HEARTBEAT_MS of the service (15000)
  --max-age-ms     STREAM_MAX_AGE_MS of the service; without it nobody waits for a stream to be rotated
  --only           groups of rules, with commas between (all): ${Object.keys(GROUPS).join(', ')}
  --help           says this

Example
  npm run conformance -- --url http://127.0.0.1:3000 --token "$TOKEN" --only ids,resume
`;

const { values } = readArguments({
  help: HELP,
  options: {
    url: { type: 'string' },
    token: { type: 'string', default: process.env.TOKEN },
    'heartbeat-ms': { type: 'string', default: '15000' },
    'max-age-ms': { type: 'string' },
    only: { type: 'string', default: Object.keys(GROUPS).join(',') },
  },
});

process.exitCode = await main();

async function main() {
  const heartbeatMs = Number(values['heartbeat-ms']);
  const maxAgeMs = values['max-age-ms'] === undefined ? null : Number(values['max-age-ms']);
  const names = values.only.split(',');
  const unknown = names.filter((name) => !Object.hasOwn(GROUPS, name));
  if (!values.url) refuse('--url is missing.', HELP);
  if (!values.token) refuse('--token is missing.', HELP);
  if (!(heartbeatMs > 0)) refuse('--heartbeat-ms must be a number of milliseconds.', HELP);
  if (maxAgeMs !== null && !(maxAgeMs > 0)) refuse('--max-age-ms must be a number of milliseconds.', HELP);
  if (unknown.length > 0) refuse(`--only: there is no group ${unknown.join(', ')}.`, HELP);
  const distance = await distanceTo(new Http(values.url, values.token)).catch((error) => {
    print(`There is no answer from ${values.url}: ${error.message}`);
    return null;
  });
  if (!distance) return 2;
  const outcomes = await runAll(names, { heartbeatMs, maxAgeMs, distance });
  const count = (outcome) => outcomes.filter((each) => each === outcome).length;
  print(
    `\n${count('ok')} passed, ${count('FAIL')} failed${count('skip') > 0 ? `, ${count('skip')} skipped` : ''}`,
  );
  return count('FAIL') === 0 && count('ok') > 0 ? 0 : 1;
}

/** One rule after the other, but those that only wait begin at once. */
async function runAll(names, options) {
  const memory = new Map();
  const rules = names.flatMap((name) =>
    GROUPS[name].rules.map((rule) => ({ name, rule, waits: GROUPS[name].waits })),
  );
  const begin = ({ rule: [, check] }) =>
    outcomeOf(check, new Scene(new Http(values.url, values.token), memory, options));
  const waiting = new Map(rules.filter(({ waits }) => waits).map((each) => [each, begin(each)]));
  const outcomes = [];
  for (const each of rules) {
    const [outcome, why] = await (waiting.get(each) ?? begin(each));
    print(`${outcome.padEnd(4)} ${each.name}: ${each.rule[0]}${why ? `\n       ${why}` : ''}`);
    outcomes.push(outcome);
  }
  return outcomes;
}

async function outcomeOf(check, scene) {
  let timer;
  const late = new Promise((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`Not done after ${RULE_MS / 1_000} s`)), RULE_MS);
  });
  try {
    await Promise.race([check(scene), late]);
    return ['ok'];
  } catch (error) {
    if (error instanceof Skipped) return ['skip', error.message];
    const story = [String(error.message ?? error), placeOf(error), ...scene.lastExchanges()];
    return ['FAIL', story.join('\n').replaceAll('\n', '\n       ')];
  } finally {
    clearTimeout(timer);
    await scene.close();
  }
}

/** The line of the rule that was not satisfied. */
function placeOf(error) {
  return `at ${/rules\/[\w.]+:\d+/.exec(error.stack ?? '')?.[0] ?? 'an unknown place'}, after`;
}

function print(line) {
  process.stdout.write(`${line}\n`);
}
