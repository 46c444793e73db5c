import { type DynamicModule, Module, type Provider } from '@nestjs/common';
import type { AccessProvider } from '../jobs.options.ts';
import { ApiKeys } from './api-keys.ts';
import { Authenticator } from './authenticator.ts';
import { OwnTokens } from './own-tokens.ts';
import { RevocationWatch } from './revocation-watch.ts';
import { Revocations } from './revocations.ts';
import { StreamCookies } from './stream-cookies.ts';
import { Tickets } from './tickets.ts';
import { ViewerTokens } from './viewer-tokens.ts';

/** Authentication and authorization: credentials, and what their callers may see and do. */
@Module({})
export class AccessModule {
  /** `access` provides `JobsAccess`; `given` names the modules that the host's own provider needs. */
  static of(access: Provider[], given: AccessProvider | undefined, imports: DynamicModule[]): DynamicModule {
    const providers = [
      ...access,
      OwnTokens,
      ViewerTokens,
      ApiKeys,
      Tickets,
      StreamCookies,
      Revocations,
      RevocationWatch,
      Authenticator,
    ];
    return {
      module: AccessModule,
      imports: [...imports, ...(given?.imports ?? [])],
      providers,
      exports: providers,
    };
  }
}
