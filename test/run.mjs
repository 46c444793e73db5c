// `npm test`: Jest, and a failure where a test leaves something open that keeps its process alive. Jest itself
// only prints that it had to end such a worker. Arguments are passed on: `npm test -- --selectProjects unit`.
import { runCLI } from 'jest';
import { buildArgv } from 'jest-cli';

const LEFT_OPEN = 'failed to exit gracefully';
// Most tests wait most of the time, so three workers suit two cores.
const WORKERS = 3;

let leftOpen = false;
const print = console.error;
console.error = (...message) => {
  leftOpen ||= message.join(' ').includes(LEFT_OPEN);
  print(...message);
};

const argv = await buildArgv([`--maxWorkers=${WORKERS}`, ...process.argv.slice(2)]);
const { results } = await runCLI(argv, [process.cwd()]);
if (leftOpen) print('A test left something open. Find it with: npm test -- --detectOpenHandles');
process.exit(results.success && !leftOpen ? 0 : 1);
