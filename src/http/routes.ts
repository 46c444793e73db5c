import { applyDecorators, Controller, UseGuards, UseInterceptors, VERSION_NEUTRAL } from '@nestjs/common';
import { AccessGuard } from './access.guard.ts';
import { Refusals } from './refusals.ts';

/** A controller of routes that need a credential. */
export function Routes(path: string): ClassDecorator {
  return applyDecorators(
    Controller({ path, version: VERSION_NEUTRAL }),
    UseGuards(AccessGuard),
    UseInterceptors(Refusals),
  );
}
