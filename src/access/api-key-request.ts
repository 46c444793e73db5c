import { z } from 'zod';
import { Scope } from '../job/credentials.ts';
import { storable } from '../job/text.ts';

/** A tenant, a subject or another name of at most 255 characters. */
export const nameText = storable(255);

const LATEST = new Date('9999-01-01T00:00:00Z');

/** The fields of a request for an API key. */
export const keyFields = {
  name: nameText.describe('What the key is for, as text for people.'),
  tenant: nameText,
  subject: nameText,
  scopes: z
    .array(Scope)
    .min(1)
    .transform((scopes) => [...new Set(scopes)]),
  expiresAt: z
    .date('must be a time')
    .max(LATEST)
    .refine((at) => at.getTime() > Date.now(), 'must be in the future'),
};

/** The request that `ApiKeys.create()` accepts. */
export const NewApiKey = z.strictObject({ ...keyFields, expiresAt: keyFields.expiresAt.nullish() });
