import { z } from 'zod';
import { instant, time, type WithDates } from './time.ts';

export const SCOPES = ['jobs:read', 'jobs:write', 'jobs:tenant', 'jobs:admin'] as const;
export const Scope = z.enum(SCOPES);
export type Scope = z.infer<typeof Scope>;

export const ApiKeyView = z.object({
  id: z.uuid(),
  prefix: z.string().describe('The part of the key that is no secret.'),
  name: z.string().describe('What it is for, in words for a person.'),
  tenant: z.string(),
  subject: z.string(),
  scopes: z.array(z.string()).describe('What the key may do, such as `jobs:read`.'),
  createdAt: time,
  expiresAt: time.nullable().describe('Null: never.'),
  lastUsedAt: time.nullable().describe('To the minute.'),
});

/** What is known of an API key; never the key itself. */
export type StoredApiKey = WithDates<z.infer<typeof ApiKeyView>, 'createdAt' | 'expiresAt' | 'lastUsedAt'>;

export const NewApiKeyView = ApiKeyView.extend({
  key: z.string().describe('`jsk_…`, a bearer token. It is told this once.'),
});

export const Ticket = z.object({ ticket: z.string().describe('Goes into `?ticket=`.'), expiresAt: instant });
export type Ticket = z.infer<typeof Ticket>;

export const ViewerToken = z
  .object({ token: z.string(), expiresAt: instant })
  .describe('A read-only bearer token for this job alone, valid for 15 minutes.');
export type ViewerToken = z.infer<typeof ViewerToken>;
