import { applyDecorators, Controller, UseGuards, UseInterceptors, VERSION_NEUTRAL } from '@nestjs/common';
import { AccessGuard } from './access.guard.ts';
import { Refusals } from './refusals.ts';

/** Decorates a controller whose routes need a credential. */
export function Routes(path: string): ClassDecorator {
  return applyDecorators(
    Controller({ path, version: VERSION_NEUTRAL }),
    UseGuards(AccessGuard),
    UseInterceptors(Refusals),
  );
}
