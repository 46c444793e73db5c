/** `nestjs-jobstream/access`: for hosts that authenticate and authorize callers themselves, and for API keys. */
export { JobsAccess } from './jobs-access.ts';
export type { AccessAction, AccessRange, AccessTarget } from './jobs-access.ts';
export type { Caller, CallerInput } from './caller.ts';
export { ApiKeys, openApiKeys } from './api-keys.ts';
export type { ApiKeyRequest } from './api-keys.ts';
export type { Scope, StoredApiKey } from '../job/credentials.ts';
