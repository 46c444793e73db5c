import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { Permit } from '../access/permit.ts';

const permits = new WeakMap<object, Permit>();

/** Remembers what the caller of the request may do; `AccessGuard` does so. */
export function setPermit(request: object, permit: Permit): void {
  permits.set(request, permit);
}

export function permitOf(request: object): Permit {
  const permit = permits.get(request);
  if (!permit) throw new Error('The route lacks AccessGuard: no caller was authenticated.');
  return permit;
}

/** What the caller of the request may do. */
export const CurrentPermit = createParamDecorator((_data: unknown, context: ExecutionContext) =>
  permitOf(context.switchToHttp().getRequest<object>()),
);
