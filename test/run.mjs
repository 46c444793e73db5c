// `npm test`: Jest, and a failure where a test leaves something open that would keep the process alive, which
// Jest itself only prints. Arguments are passed on: `npm test -- --selectProjects unit`.
import { runCLI } from 'jest';
import { buildArgv } from 'jest-cli';

const argv = await buildArgv(['--detectOpenHandles', ...process.argv.slice(2)]);
const { results } = await runCLI(argv, [process.cwd()]);
const open = results.openHandles.length;
if (open > 0) console.error(`${open} handles were left open (listed above): close what the test opened.`);
process.exit(results.success && open === 0 ? 0 : 1);
