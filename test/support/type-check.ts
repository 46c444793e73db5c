import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import type { CodeBlock } from './documents.ts';

const ROOT = join(import.meta.dirname, '../..');
/** A folder that is nowhere but in the compiler's mind: packages are found from it as from this repository. */
const FOLDER = join(ROOT, 'sample');

/** A strict application, as Nest's own template for ES modules makes one, that reads the package from its sources. */
const OPTIONS: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2023,
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  strict: true,
  noUncheckedIndexedAccess: true,
  noUnusedLocals: true,
  experimentalDecorators: true,
  emitDecoratorMetadata: true,
  isolatedModules: true,
  skipLibCheck: true,
  types: ['node'],
  noEmit: true,
  allowImportingTsExtensions: true,
  paths: entryPoints(),
};

/** The source of each entry point that package.json names. */
function entryPoints(): Record<string, string[]> {
  const { name, exports } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    name: string;
    exports: Record<string, string | { types: string }>;
  };
  const typed = Object.entries(exports).filter(([, entry]) => typeof entry === 'object');
  return Object.fromEntries(
    typed.map(([path, entry]) => {
      const { types } = entry as { types: string };
      return [`${name}${path.slice(1)}`, [join(ROOT, types.replace('/dist/', '/').replace('.d.ts', '.ts'))]];
    }),
  );
}

/** Parsed once for all samples of a run. */
const parsed = new Map<string, ts.SourceFile | undefined>();

/** What the compiler says of the files of a sample, which may import each other: `<file>:<line> <message>`. */
export function typeErrors(blocks: readonly Pick<CodeBlock, 'file' | 'code'>[]): string[] {
  const files = new Map(blocks.map(({ file, code }) => [join(FOLDER, file), code]));
  const program = ts.createProgram([...files.keys()], OPTIONS, hostOf(files));
  return [...files.keys()].flatMap((file) => {
    const source = program.getSourceFile(file);
    return [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)].map(
      textOf,
    );
  });
}

function hostOf(files: ReadonlyMap<string, string>): ts.CompilerHost {
  const host = ts.createCompilerHost(OPTIONS);
  const { getSourceFile, fileExists, readFile } = host;
  host.fileExists = (name) => files.has(name) || fileExists(name);
  // Folders of a sample are nowhere on the disk: assume that any folder may be there.
  delete host.directoryExists;
  host.readFile = (name) => files.get(name) ?? readFile(name);
  host.getSourceFile = (name, version, ...rest) => {
    if (files.has(name)) return getSourceFile(name, version, ...rest);
    if (!parsed.has(name)) parsed.set(name, getSourceFile(name, version, ...rest));
    return parsed.get(name);
  };
  return host;
}

function textOf({ file, start = 0, messageText }: ts.Diagnostic): string {
  const message = ts.flattenDiagnosticMessageText(messageText, ' ');
  if (!file) return message;
  const { line } = file.getLineAndCharacterOfPosition(start);
  return `${file.fileName.slice(FOLDER.length + 1)}:${line + 1} ${message}`;
}
