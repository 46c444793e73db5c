// node test/chaos/run.mjs --seed N --minutes M: breaks things at random against the built module (npm run build).
// The runner is TypeScript like all tests; Node 20 needs it translated on the way in.
import { register } from 'node:module';

register('./typescript.mjs', import.meta.url);

const { main } = await import('./chaos.ts');
process.exitCode = await main(process.argv.slice(2));
