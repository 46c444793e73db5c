import type { z } from 'zod';
import { InvalidInput } from './job-errors.ts';

/** Returns the parsed request, or throws `400 invalid_request` with every issue and its path. */
export function parseRequest<Output>(schema: z.ZodType<Output>, request: unknown): Output {
  const parsed = schema.safeParse(request);
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.map(({ path, message }) => ({
    path: path.map(String).join('.'),
    message,
  }));
  throw new InvalidInput(400, 'invalid_request', 'The request is not valid; see issues.', issues);
}
