import { z } from 'zod';
import { Scope } from '../job/credentials.ts';
import { storable } from '../job/text.ts';

/** A tenant, a subject or another name of at most 255 characters. */
export const nameText = storable(255);

const LATEST = new Date('9999-01-01T00:00:00Z');

/** What an API key is made of. */
export const keyFields = {
  name: nameText.describe('What it is for, in words for a person.'),
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

/** What `ApiKeys.create()` takes. */
export const NewApiKey = z.strictObject({ ...keyFields, expiresAt: keyFields.expiresAt.nullish() });
