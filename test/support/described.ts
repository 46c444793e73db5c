import { expect } from '@jest/globals';
import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import type { Answer } from './http.ts';

type Named = Record<string, unknown>;

/** Checks answers against the OpenAPI document of the service that gave them. */
export class Described {
  readonly #ajv = new Ajv2020({ strict: false, allErrors: true, validateSchema: false });

  constructor(private readonly document: Named) {
    formats.default(this.#ajv);
    this.#ajv.addSchema(closed(document) as Named, 'api');
  }

  /** The answer is one that the operation, such as `GET /jobs/{id}`, describes for its status, and holds nothing more. */
  expectAnswer(operation: string, { status, headers, text }: Answer): void {
    const [method = '', path = ''] = operation.split(' ');
    const steps = ['paths', path, method.toLowerCase(), 'responses', String(status)];
    const response = this.#follow(at(this.document, steps), steps);
    expect([operation, status, at(this.document, response)]).toEqual([operation, status, expect.anything()]);
    const type = (headers['content-type'] ?? '').split(';', 1)[0] ?? '';
    if (text === '') return expect(at(this.document, response)).not.toHaveProperty('content');
    this.expectValue([...response, 'content', type, 'schema'], JSON.parse(text));
  }

  /** A value is one of the schema at this place of the document. */
  expectValue(place: string[], value: unknown): void {
    const pointer = place.map((step) => encodeURIComponent(step.replace(/~/g, '~0').replace(/\//g, '~1')));
    const validate = this.#ajv.compile({ $ref: `api#/${pointer.join('/')}` });
    validate(value);
    expect([place.join(' '), validate.errors ?? []]).toEqual([place.join(' '), []]);
  }

  /** Where the response stands: many are references. */
  #follow(response: unknown, steps: string[]): string[] {
    const ref = (response as { $ref?: string } | undefined)?.$ref;
    return ref === undefined ? steps : ref.replace(/^#\//, '').split('/');
  }
}

function at(document: unknown, steps: string[]): unknown {
  return steps.reduce<unknown>((value, step) => (value as Named | undefined)?.[step], document);
}

/** The same with every object closed, so that a field which is not described is found as well. */
function closed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(closed);
  if (typeof value !== 'object' || value === null) return value;
  const copy = Object.fromEntries(Object.entries(value).map(([key, below]) => [key, closed(below)]));
  return 'properties' in copy && copy['type'] === 'object' ? { additionalProperties: false, ...copy } : copy;
}
