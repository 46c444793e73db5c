// What the package exports, as a text that is committed (docs/api.md) and compared: a change to it is meant, or an accident.
// `npm run api-report` writes it. Without `--write` this fails where the text differs, where a public signature names a
// type of ours that no entry point exports, and where the main entry point exports too much.
import { readFileSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import ts from 'typescript';

const ROOT = resolve(import.meta.dirname, '../..');
const REPORT = join(ROOT, 'docs/api.md');
/** More than a person reads through to find the one that they need. */
const MOST_MAIN_EXPORTS = 45;
/** They only say how a public type is made of a schema. The report shows them, and nobody needs to import them. */
const SHAPING = new Set(['WithDates', 'JobTime', 'DataOf']);

const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
/** By the name that hosts import, the declarations that it leads to once they are built. */
const entries = Object.entries(manifest.exports)
  .filter(([, target]) => typeof target === 'object')
  .map(([path, { types }]) => ({ name: join(manifest.name, path), file: join(ROOT, types) }));

const zodOptions = { module: ts.ModuleKind.NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext };

/** What other packages declare is not of interest, and takes most of the time to read. */
function ownModulesOnly(host, exists, extension) {
  host.resolveModuleNameLiterals = (literals, from) =>
    literals.map(({ text }) => {
      // Of schemas, the types are what there is to compare.
      if (text === 'zod' || from.includes('/node_modules/zod/'))
        return ts.resolveModuleName(text, from, zodOptions, ts.sys);
      const path = resolve(from, '..', text).replace(/\.[jt]s$/, extension);
      const isOwn = text.startsWith('.') && exists(path);
      return { resolvedModule: isOwn ? { resolvedFileName: path, extension } : undefined };
    });
  return host;
}

/** The declarations that a build would write, by path. */
function declarations() {
  const { config } = ts.readConfigFile(join(ROOT, 'tsconfig.build.json'), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, ROOT);
  const sources = entries.map(({ file }) =>
    file.replace(join(ROOT, 'dist'), ROOT).replace(/\.d\.ts$/, '.ts'),
  );
  const quick = { ...options, noCheck: true, types: [], emitDeclarationOnly: true };
  const host = ownModulesOnly(ts.createCompilerHost(quick), ts.sys.fileExists, '.ts');
  const program = ts.createProgram(sources, quick, host);
  const written = new Map();
  program.emit(undefined, (path, text) => written.set(resolve(path), text), undefined, true);
  return written;
}

/** A program over declarations that stand on no disk. */
function programOver(files) {
  const options = { module: ts.ModuleKind.NodeNext, target: ts.ScriptTarget.ES2023, types: [], noLib: true };
  const host = ownModulesOnly(ts.createCompilerHost(options), (path) => files.has(path), '.d.ts');
  const { getSourceFile } = host;
  host.getSourceFile = (path, ...rest) => {
    const text = files.get(resolve(path));
    return text === undefined
      ? getSourceFile(path, ...rest)
      : ts.createSourceFile(path, text, { languageVersion: options.target }, true);
  };
  return ts.createProgram(
    entries.map(({ file }) => file),
    options,
    host,
  );
}

const files = declarations();
const program = programOver(files);
const checker = program.getTypeChecker();
const printer = ts.createPrinter({ removeComments: true });

const isOurs = (declaration) => files.has(resolve(declaration.getSourceFile().fileName));
const unaliased = (symbol) =>
  symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;

/** Names and symbols of a module; a namespace's own names come with its name before them. */
function exportsOf(module, prefix = '') {
  return checker.getExportsOfModule(module).flatMap((found) => {
    const symbol = unaliased(found);
    const name = `${prefix}${found.name}`;
    const isNamespace = symbol.declarations?.some(ts.isSourceFile);
    return isNamespace ? exportsOf(symbol, `${name}.`) : [{ name, symbol }];
  });
}

/** Neither private nor marked as made by Nest. */
function isPublic(member) {
  const hidden = ts.ModifierFlags.Private;
  if (ts.getCombinedModifierFlags(member) & hidden) return false;
  if (member.name && ts.isPrivateIdentifier(member.name)) return false;
  return !ts.getJSDocTags(member).some((tag) => tag.tagName.text === 'internal');
}

function withoutPrivates(declaration) {
  if (!ts.isClassDeclaration(declaration)) return declaration;
  const { modifiers, name, typeParameters, heritageClauses, members } = declaration;
  const shown = members.filter(isPublic);
  return ts.factory.updateClassDeclaration(
    declaration,
    modifiers,
    name,
    typeParameters,
    heritageClauses,
    shown,
  );
}

/** A variable is declared within a list, which holds what it is. */
const statementOf = (declaration) =>
  ts.isVariableDeclaration(declaration) ? declaration.parent.parent : declaration;

const statementsOf = (symbol) => (symbol.declarations ?? []).filter(isOurs).map(statementOf);

function print(symbol) {
  return statementsOf(symbol)
    .map((declaration) =>
      printer.printNode(ts.EmitHint.Unspecified, withoutPrivates(declaration), declaration.getSourceFile()),
    )
    .map((text) => text.replace(/^export (declare )?/, '').replaceAll(' declare ', ' '))
    .join('\n');
}

/** Types of ours that a public signature names. */
function namedBy(symbol) {
  const named = new Set();
  const visit = (node) => {
    if (ts.isClassElement(node) && !isPublic(node)) return;
    if (ts.isIdentifier(node)) {
      const found = checker.getSymbolAtLocation(node);
      const target = found && unaliased(found);
      const isTop = target?.declarations?.some(
        (one) => isOurs(one) && ts.isSourceFile(statementOf(one).parent),
      );
      if (isTop) named.add(target);
    }
    ts.forEachChild(node, visit);
  };
  statementsOf(symbol).forEach(visit);
  return named;
}

/** What public types are made of. */
function shaping(inside) {
  const shown = [...inside.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1)).map(print);
  return `## Named by those, and not exported\n\n\`\`\`ts\n${shown.join('\n\n')}\n\`\`\`\n`;
}

function report() {
  const modules = entries.map(({ name, file }) => {
    const module = checker.getSymbolAtLocation(program.getSourceFile(file));
    return {
      name,
      all: exportsOf(module).toSorted((a, b) => (a.name < b.name ? -1 : 1)),
      top: checker.getExportsOfModule(module),
    };
  });
  const exported = new Set(modules.flatMap(({ all }) => all.map(({ symbol }) => symbol)));
  const missing = new Set();
  const inside = new Map();
  for (const { all } of modules)
    for (const { name, symbol } of all)
      for (const target of namedBy(symbol)) {
        if (exported.has(target)) continue;
        const isSchema = target.declarations.some(ts.isVariableDeclaration);
        if (isSchema || SHAPING.has(target.name)) inside.set(target.name, target);
        else missing.add(`${name} names ${target.name}, which no entry point exports.`);
      }
  const problems = [...missing];
  const main = modules[0].top.length;
  if (main > MOST_MAIN_EXPORTS)
    problems.push(`${modules[0].name} exports ${main} names, more than ${MOST_MAIN_EXPORTS}.`);
  const text = modules
    .map(({ name, all, top }) => {
      const shown = all.map(({ name: as, symbol }) => `// ${as}\n${print(symbol)}`);
      return `## ${name}\n\n${top.length} names.\n\n\`\`\`ts\n${shown.join('\n\n')}\n\`\`\`\n`;
    })
    .join('\n');
  return {
    text: `# The public names\n\nWritten by \`npm run api-report\`; a test compares it.\n\n${text}\n${shaping(inside)}`,
    problems,
  };
}

const { text, problems } = report();
if (process.argv.includes('--write')) writeFileSync(REPORT, text);
else if (readFileSync(REPORT, 'utf8') !== text)
  problems.push(
    `${relative(ROOT, REPORT)} differs from what is exported. If that is meant, run \`npm run api-report\`.`,
  );
for (const problem of problems) console.error(problem);
process.exitCode = problems.length > 0 ? 1 : 0;
