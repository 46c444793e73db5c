// Preloaded where TypeScript runs as it is; the servers that are measured do without.
import { register } from 'node:module';

register('../test/chaos/typescript.mjs', import.meta.url);
