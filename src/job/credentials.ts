import { z } from 'zod';
import { instant, time, type WithDates } from './time.ts';

export const SCOPES = ['jobs:read', 'jobs:write', 'jobs:tenant', 'jobs:admin'] as const;
export const Scope = z.enum(SCOPES);
export type Scope = z.infer<typeof Scope>;

export const ApiKeyView = z.object({
  id: z.uuid(),
  prefix: z.string().describe('The public part of the key.'),
  name: z.string().describe('What the key is for, as text for people.'),
  tenant: z.string(),
  subject: z.string(),
  scopes: z.array(z.string()).describe('What the key may do, such as `jobs:read`.'),
  createdAt: time,
  expiresAt: time.nullable().describe('Null: never.'),
  lastUsedAt: time.nullable().describe('Accurate to the minute.'),
});

/** A stored API key, without its secret. */
export type StoredApiKey = WithDates<z.infer<typeof ApiKeyView>, 'createdAt' | 'expiresAt' | 'lastUsedAt'>;

export const NewApiKeyView = ApiKeyView.extend({
  key: z.string().describe('`jsk_…`, a bearer token. Shown only in this response.'),
});

export const Ticket = z.object({
  ticket: z.string().describe('Value of the parameter `?ticket=`.'),
  expiresAt: instant,
});
export type Ticket = z.infer<typeof Ticket>;

export const ViewerToken = z
  .object({ token: z.string(), expiresAt: instant })
  .describe('A read-only bearer token for this job only, valid for 15 minutes.');
export type ViewerToken = z.infer<typeof ViewerToken>;
