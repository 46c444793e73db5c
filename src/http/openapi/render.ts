import { z } from 'zod';
import { COMPONENTS } from './components.ts';

/** The dialect of JSON Schema: OpenAPI 3.1 takes the one of 2020-12. */
export type Target = 'draft-2020-12' | 'openapi-3.0';

type Io = 'input' | 'output';
type JsonSchema = Record<string, unknown>;

/** A part of a document in which zod schemas stand, with JSON Schemas in their place; and those that are named. */
export function render<Draft extends object>(
  draft: Draft,
  target: Target,
): { rendered: Draft; schemas: Record<string, JsonSchema> } {
  const schemas: Record<string, JsonSchema> = {};
  const names = { input: namesOf('input'), output: namesOf('output') };
  const convert = (schema: z.ZodType, io: Io): unknown => {
    const override = ({ jsonSchema }: { jsonSchema: JsonSchema }): void => simplify(jsonSchema, io);
    // Inside of another schema, one that has a name is referred to, and not repeated.
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

/** What stands under `responses` is answered, all else is asked. */
const ioBelow = (key: string, io: Io): Io => (key === 'responses' ? 'output' : io);

/** What schemas say of themselves, and the names that some have in the document. */
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
 * Takes away what tells readers nothing: patterns of formats, and the range of safe integers. An answer stays open: a
 * field that a later version adds must not make it invalid for a client of today.
 */
function simplify(schema: JsonSchema, io: Io): void {
  if (schema['format'] !== undefined) delete schema['pattern'];
  if (schema['minimum'] === Number.MIN_SAFE_INTEGER) delete schema['minimum'];
  if (schema['maximum'] === Number.MAX_SAFE_INTEGER) delete schema['maximum'];
  if (io === 'output' && schema['additionalProperties'] === false) delete schema['additionalProperties'];
  // OpenAPI 3.0 takes `nullable` beside a type only, which a reference to one of our objects has not.
  if (schema['nullable'] === true && schema['allOf'] !== undefined) schema['type'] ??= 'object';
}
