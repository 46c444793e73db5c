import { z } from 'zod';
import { COMPONENTS } from './components.ts';

/** The dialect of JSON Schema: OpenAPI 3.1 takes the one of 2020-12. */
export type Target = 'draft-2020-12' | 'openapi-3.0';

type Io = 'input' | 'output';
type JsonSchema = Record<string, unknown>;
type Converted = Record<Io, Map<z.ZodType, JsonSchema>>;

const REFERENCE = '#/components/schemas/';

/** A part of a document in which zod schemas stand, with JSON Schemas in their place; and those that are named. */
export function render<Draft extends object>(
  draft: Draft,
  target: Target,
): { rendered: Draft; schemas: Record<string, JsonSchema> } {
  const found = [...schemasIn(draft, 'input')];
  const input = convert('input', found, target);
  const output = convert('output', found, target);
  const converted = { input: input.places, output: output.places };
  return {
    rendered: replaced(draft, 'input', converted) as Draft,
    schemas: { ...input.named, ...output.named },
  };
}

/** What stands under `responses` is answered, all else is asked. */
const ioBelow = (key: string, io: Io): Io => (key === 'responses' ? 'output' : io);

function* schemasIn(value: unknown, io: Io): Generator<[Io, z.ZodType]> {
  if (value instanceof z.ZodType) yield [io, value];
  else if (typeof value === 'object' && value !== null)
    for (const [key, below] of Object.entries(value)) yield* schemasIn(below, ioBelow(key, io));
}

function convert(io: Io, found: [Io, z.ZodType][], target: Target) {
  const registry = z.registry<{ id: string }>();
  const names = new Map(Object.entries(COMPONENTS[io]).map(([id, schema]) => [schema, id]));
  for (const [schema, id] of names) registry.add(schema, { id });
  const unnamed = new Set(found.filter(([of, schema]) => of === io && !names.has(schema)).map(([, s]) => s));
  [...unnamed].forEach((schema, index) => registry.add(schema, { id: `#${index}` }));
  const uri = (id: string): string => REFERENCE + id;
  const override = ({ jsonSchema }: { jsonSchema: JsonSchema }): void => simplify(jsonSchema, io);
  const { schemas } = z.toJSONSchema(registry, { io, target, uri, override });
  const bodyOf = (id: string): JsonSchema => {
    const { $schema: _dialect, $id: _id, ...body } = schemas[id] as JsonSchema;
    return body;
  };
  const places = new Map<z.ZodType, JsonSchema>();
  for (const [schema, id] of names) places.set(schema, { $ref: uri(id) });
  [...unnamed].forEach((schema, index) => places.set(schema, bodyOf(`#${index}`)));
  return { places, named: Object.fromEntries([...names.values()].map((id) => [id, bodyOf(id)])) };
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

function replaced(value: unknown, io: Io, converted: Converted): unknown {
  if (value instanceof z.ZodType) return converted[io].get(value);
  if (Array.isArray(value)) return value.map((item) => replaced(item, io, converted));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, below]) => [key, replaced(below, ioBelow(key, io), converted)]),
  );
}
