import { z } from 'zod';
import { COMPONENTS } from './components.ts';

/** The dialect of JSON Schema. OpenAPI 3.1 uses draft 2020-12. */
export type Target = 'draft-2020-12' | 'openapi-3.0';

type Io = 'input' | 'output';
type JsonSchema = Record<string, unknown>;

/**
 * Replaces the zod schemas in a part of a document with JSON Schemas. Also returns the named schemas that it refers to.
 */
export function render<Draft extends object>(
  draft: Draft,
  target: Target,
): { rendered: Draft; schemas: Record<string, JsonSchema> } {
  const schemas: Record<string, JsonSchema> = {};
  const names = { input: namesOf('input'), output: namesOf('output') };
  const convert = (schema: z.ZodType, io: Io): unknown => {
    const override = ({ jsonSchema }: { jsonSchema: JsonSchema }): void => simplify(jsonSchema, io);
    // Zod refers to a named schema only within another one, so wrap it in an array.
    const outer = z.toJSONSchema(z.array(schema), { io, target, metadata: names[io], override });
    Object.assign(schemas, outer.$defs, outer.definitions);
    return outer.items;
  };
  const filled = (value: unknown, io: Io): unknown => {
    if (value instanceof z.ZodType) return convert(value, io);
    if (Array.isArray(value)) return value.map((item) => filled(item, io));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, below]) => [key, filled(below, ioBelow(key, io))]),
    );
  };
  const all = JSON.stringify({ rendered: filled(draft, 'input'), schemas });
  return JSON.parse(all.replaceAll(/"#\/(\$defs|definitions)\//g, '"#/components/schemas/')) as never;
}

/** Everything under `responses` is output, everything else is input. */
const ioBelow = (key: string, io: Io): Io => (key === 'responses' ? 'output' : io);

/** The metadata of schemas, with the names that some have in the document. */
class Names extends z.core.$ZodRegistry<z.core.GlobalMeta> {
  override get(schema: z.core.$ZodType) {
    return { ...super.get(schema), ...z.globalRegistry.get(schema) } as never;
  }
}

function namesOf(io: Io): Names {
  const names = new Names();
  for (const [id, schema] of Object.entries(COMPONENTS[io])) names.add(schema, { id });
  return names;
}

/**
 * Removes noise: patterns of known formats, and the range of safe integers. Responses allow additional properties, so
 * that a field added later does not make them invalid for existing clients.
 */
function simplify(schema: JsonSchema, io: Io): void {
  if (schema['format'] !== undefined) delete schema['pattern'];
  if (schema['minimum'] === Number.MIN_SAFE_INTEGER) delete schema['minimum'];
  if (schema['maximum'] === Number.MAX_SAFE_INTEGER) delete schema['maximum'];
  if (io === 'output' && schema['additionalProperties'] === false) delete schema['additionalProperties'];
  // OpenAPI 3.0 allows `nullable` only beside a `type`, which a reference lacks. All such references are to objects.
  if (schema['nullable'] === true && schema['allOf'] !== undefined) schema['type'] ??= 'object';
}
