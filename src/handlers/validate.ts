import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { InputIssue } from '../job/job-errors.ts';

/** The parsed value, or every issue with its path, such as `a.b.0` (empty for the whole value). */
export async function validate<Output>(
  schema: StandardSchemaV1<unknown, Output>,
  value: unknown,
): Promise<{ value: Output } | { issues: InputIssue[] }> {
  const result = await schema['~standard'].validate(value);
  if (!result.issues) return { value: result.value };
  return {
    issues: result.issues.map(({ path, message }) => ({
      path: (path ?? []).map((part) => String(typeof part === 'object' ? part.key : part)).join('.'),
      message,
    })),
  };
}
