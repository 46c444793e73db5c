import { z } from 'zod';
import { isStorableText } from '../runtime/storable.ts';
import { SCOPES } from './caller.ts';

/** A tenant, a subject or another name of at most 255 characters, as Postgres can store it. */
export const nameText = z
  .string()
  .min(1)
  .max(255)
  .refine(isStorableText, 'must not hold U+0000 or a lone surrogate');

const LATEST = new Date('9999-01-01T00:00:00Z');

/** The body of `POST /api-keys`, and what `ApiKeys.create()` takes. */
export const ApiKeyBody = z.strictObject({
  name: nameText,
  /** Default: that of the administrator. */
  tenant: nameText.optional(),
  subject: nameText,
  scopes: z
    .array(z.enum(SCOPES))
    .min(1)
    .transform((scopes) => [...new Set(scopes)]),
  expiresAt: z
    .union([z.date(), z.iso.datetime({ offset: true }).transform((at) => new Date(at))], 'must be a time')
    .pipe(z.date().max(LATEST))
    .refine((at) => at.getTime() > Date.now(), 'must be in the future')
    .nullish(),
});

/** The query of `GET /api-keys`. */
export const ApiKeysQuery = z.object({
  limit: z.coerce.number().int().min(1).max(100).default(50),
  cursor: z.uuid().optional(),
});
