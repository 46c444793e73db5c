import {
  type CanActivate,
  type ExecutionContext,
  type INestApplication,
  Injectable,
  Module,
  UnauthorizedException,
} from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { z } from 'zod';
import {
  type AccessAction,
  type AccessRange,
  type AccessTarget,
  type Caller,
  type CallerInput,
  JobsAccess,
} from '../../src/access/index.ts';
import { JobHandler, JobsModule } from '../../src/index.ts';
import type { Adapter } from './app.ts';
import { startHost } from './host.ts';
import { type TestDatabase, testRedis } from './services.ts';

/** What the host knows of somebody who has logged in. */
export interface User {
  name: string;
  company: string;
  roles: string[];
  loggedInUntil: Date;
}

/** The host's sessions, by the value of its cookie. */
@Injectable()
export class Sessions {
  readonly users = new Map<string, User>();
  /** Tags of jobs that only managers see. */
  readonly confidential = new Set<string>();
  /** Tags of jobs that the policy fails over. */
  readonly faulty = new Set<string>();
  /** Users over whose sight of any job the policy fails. */
  readonly faultyUsers = new Set<string>();
}

interface HostRequest {
  headers: { cookie?: string };
  user?: User;
}

/** The host's own guard, which knows nothing of jobs. */
@Injectable()
export class SessionGuard implements CanActivate {
  constructor(private readonly sessions: Sessions) {}

  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<HostRequest>();
    const session = /(?:^|; )session=(\w+)/.exec(request.headers.cookie ?? '')?.[1] ?? '';
    const user = this.sessions.users.get(session);
    if (!user) throw new UnauthorizedException('Please log in.');
    request.user = user;
    return true;
  }
}

/** What the host tells Jobstream: its guard decides who calls, its user says what they may do. */
@Injectable()
export class SessionAccess extends JobsAccess {
  constructor(
    private readonly guard: SessionGuard,
    private readonly sessions: Sessions,
  ) {
    super();
  }

  authenticate(context: ExecutionContext): CallerInput | null {
    this.guard.canActivate(context);
    const { user } = context.switchToHttp().getRequest<HostRequest>();
    if (!user) return null;
    return {
      tenant: user.company,
      subject: user.name,
      scopes: ['jobs:read', 'jobs:write', ...user.roles],
      expiresAt: user.loggedInUntil,
    };
  }

  /** Administrators of a company, who hold no scope of ours for it, stay within their company. */
  override range(caller: Caller): AccessRange {
    if (caller.scopes.has('company-admin')) return { tenant: caller.tenant, owner: null };
    return super.range(caller);
  }

  override may(caller: Caller, action: AccessAction, target: AccessTarget | null): boolean {
    const isManager = caller.scopes.has('manager');
    if (target?.tags.some((tag) => this.sessions.faulty.has(tag))) throw new Error('The policy is at fault.');
    if (target && this.sessions.faultyUsers.has(caller.subject)) throw new Error('The policy is at fault.');
    if (target?.tags.some((tag) => this.sessions.confidential.has(tag)) && !isManager) return false;
    if (action === 'cancel' && target?.tags.includes('locked') && !isManager) return false;
    if (action === 'admin' && caller.scopes.has('company-admin')) return true;
    return super.may(caller, action, target);
  }
}

@Injectable()
class Sleeper {
  @JobHandler('sleep', { schema: z.unknown() })
  run(): string {
    return 'rested';
  }
}

@Module({ providers: [Sessions, SessionGuard, SessionAccess], exports: [SessionAccess] })
class SessionModule {}

@Module({ providers: [Sleeper] })
class HostModule {}

/** A host whose users log in with a session cookie, and nothing else. */
export async function startSessionHost(adapter: Adapter, database: TestDatabase): Promise<INestApplication> {
  const { url: redis, prefix } = testRedis();
  const jobs = JobsModule.forRoot({
    redis,
    prefix,
    trustedOrigins: ['https://partner.example'],
    shutdownGraceMs: 200,
    stream: { heartbeatMs: 300, backstopMs: 500 },
    access: { imports: [SessionModule], useExisting: SessionAccess },
  });
  const root = {
    module: HostModule,
    imports: [TypeOrmModule.forRoot({ type: 'postgres', url: database.url }), jobs],
  };
  return startHost(adapter, root);
}
