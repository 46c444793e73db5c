// npm run bench -- [options]: compares the built module (npm run build) with a bare node:http loop.
import { register } from 'node:module';

register('../test/chaos/typescript.mjs', import.meta.url);

const { main } = await import('./main.ts');
process.exitCode = await main(process.argv.slice(2));
