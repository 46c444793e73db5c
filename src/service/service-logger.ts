import { ConsoleLogger } from '@nestjs/common';

/** Where Nest tells of every module and route that it maps: sixty lines at each start that say nothing new. */
const BOOT = /^(NestFactory|InstanceLoader|RoutesResolver|RouterExplorer|NestApplication)$/;

/** Nest's console logger without the boot's list of modules and routes. */
export class ServiceLogger extends ConsoleLogger {
  override log(message: unknown, ...rest: unknown[]): void {
    const context = rest.at(-1);
    if (typeof context === 'string' && BOOT.test(context)) return;
    super.log(message, ...(rest as string[]));
  }
}
