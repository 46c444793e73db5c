import { z } from 'zod';
import { keyFields, nameText } from '../access/api-key-request.ts';
import type { Revocable } from '../store/revocation-store.ts';
import { chosen, dueTime } from '../submit/submission.ts';

/** The body of `POST /jobs`. */
export const SubmitRequest = z.strictObject({
  type: z.string().min(1).max(64),
  payload: z
    .unknown()
    .describe('Any JSON up to 64 KiB that fits the schema of the type; at most 64 levels deep.'),
  runAt: z.iso
    .datetime({ offset: true })
    .transform((at) => new Date(at))
    .pipe(dueTime)
    .nullish()
    .describe('Earliest start, ISO 8601 with an offset. Default: at once.'),
  ...chosen,
});

/** The body of `POST /tickets`. */
export const TicketRequest = z
  .strictObject({
    jobs: z.array(z.uuid()).min(1).max(100).optional().describe('The jobs whose streams the ticket opens.'),
    feed: z.literal(true).optional().describe('The ticket opens the feed.'),
  })
  .refine(({ jobs, feed }) => (jobs === undefined) !== (feed === undefined), {
    message: 'give either jobs or feed',
  })
  .describe('Either `jobs` or `feed`.')
  .meta({ oneOf: oneRequired('jobs', 'feed') });

/** The body of `POST /api-keys`. */
export const ApiKeyRequest = z.strictObject({
  ...keyFields,
  tenant: nameText.optional().describe('Default: the tenant of the caller.'),
  expiresAt: z.iso
    .datetime({ offset: true, error: 'must be a time' })
    .transform((at) => new Date(at))
    .pipe(keyFields.expiresAt)
    .nullish()
    .describe('ISO 8601 with an offset, in the future. Default: never.'),
});

const revocable = z.strictObject({
  tenant: nameText.optional(),
  subject: nameText.optional().describe('Requires `tenant`.'),
  tokenId: nameText.optional().describe('The `jti` of a token.'),
  key: z.uuid().toLowerCase().optional().describe('The id of an API key.'),
  job: z
    .uuid()
    .toLowerCase()
    .optional()
    .describe('The id of a job. Revokes its viewer tokens, tickets and cookies.'),
});
/** The fields that name the target of a revocation. */
type Names = z.infer<typeof revocable>;

/** The body of `POST /revocations`. */
export const RevocationRequest = revocable
  .describe('One of `{subject, tenant}`, `{tenant}`, `{tokenId}`, `{key}`, `{job}`.')
  .meta({ oneOf: oneRequired('tenant', 'tokenId', 'key', 'job') })
  .transform((body, context) => {
    const found = revocableOf(body);
    if (found) return { body, revocable: found };
    context.addIssue({
      code: 'custom',
      message: 'give one of {subject, tenant}, {tenant}, {tokenId}, {key}, {job}',
    });
    return z.NEVER;
  });

/** The response of `POST /revocations` repeats these fields. */
export const revocableNames = revocable.shape;

/** JSON Schema for: exactly one of these properties is present. */
function oneRequired(...names: string[]): object[] {
  return names.map((name) => ({ required: [name] }));
}

/** The kind of the revocation by the fields that are present. */
const KINDS: Record<string, Revocable['kind']> = {
  tenant: 'tenant',
  'subject,tenant': 'subject',
  tokenId: 'token',
  key: 'key',
  job: 'job',
};

/** The target of the revocation; null for an invalid combination of fields. */
function revocableOf(names: Names): Revocable | null {
  const kind = KINDS[Object.keys(names).toSorted().join()];
  const { tenant = '', subject, tokenId, key, job } = names;
  return kind ? { kind, tenant, value: subject ?? tokenId ?? key ?? job ?? '' } : null;
}
