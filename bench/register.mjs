// Preloaded to run TypeScript directly. The measured servers do not use it.
import { register } from 'node:module';

register('../test/chaos/typescript.mjs', import.meta.url);
