import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '../..');
const FENCE = /^```(\w*)\n([\s\S]*?)^```$/gm;

/** A block of code in a document. */
export interface CodeBlock {
  language: string;
  /** What its first line names, as in `// src/main.ts`, else one of the line that it begins in. */
  file: string;
  /** The line of the document that its first line is. */
  line: number;
  code: string;
}

/** Every document that a reader of the repository is sent to, by its path. */
export function documents(): string[] {
  const below = readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' });
  const docs = below.filter((name) => name.endsWith('.md')).map((name) => `docs/${name}`);
  return ['README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'CHANGELOG.md', ...docs.toSorted()];
}

export function readDocument(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

/** The blocks of a language, or of every language, in their order. */
export function blocksOf(path: string, language?: string): CodeBlock[] {
  const text = readDocument(path);
  return [...text.matchAll(FENCE)]
    .map(({ 1: kind = '', 2: code = '', index }) => {
      const line = text.slice(0, index).split('\n').length + 1;
      const file = /^(?:\/\/|#) (\S+\.\w+)/.exec(code)?.[1] ?? `line-${line}.${kind}`;
      return { language: kind, file, line, code };
    })
    .filter((block) => language === undefined || block.language === language);
}
