import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { Permit } from '../access/permit.ts';

const PERMIT = Symbol('jobstream:permit');

interface Carrier {
  [PERMIT]?: Permit;
}

/** Remembers what the caller of the request may do; `AccessGuard` does so. */
export function setPermit(request: object, permit: Permit): void {
  (request as Carrier)[PERMIT] = permit;
}

export function permitOf(request: object): Permit {
  const permit = (request as Carrier)[PERMIT];
  if (!permit) throw new Error('The route lacks AccessGuard: no caller was authenticated.');
  return permit;
}

/** What the caller of the request may do. */
export const CurrentPermit = createParamDecorator((_data: unknown, context: ExecutionContext) =>
  permitOf(context.switchToHttp().getRequest<object>()),
);
