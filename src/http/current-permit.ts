import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { Permit } from '../access/permit.ts';

const permits = new WeakMap<object, Permit>();

/** Stores the permit of the request's caller. Called by `AccessGuard`. */
export function setPermit(request: object, permit: Permit): void {
  permits.set(request, permit);
}

export function permitOf(request: object): Permit {
  const permit = permits.get(request);
  if (!permit) throw new Error('The route lacks AccessGuard: no caller was authenticated.');
  return permit;
}

/** The permit of the request's caller. */
export const CurrentPermit = createParamDecorator((_data: unknown, context: ExecutionContext) =>
  permitOf(context.switchToHttp().getRequest<object>()),
);
