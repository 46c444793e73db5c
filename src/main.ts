import { readArguments } from '#scripts/command-line.mjs';
import { COMMANDS } from '#scripts/commands.mjs';
import { Logger } from '@nestjs/common';
import { anyFaultText } from './index.ts';
import { announcement } from './service/announcement.ts';
import { readEnvironment } from './service/environment.ts';
import { logSettings, ServiceLogger, tellFailure } from './service/service-logger.ts';
import { startService } from './service/start.ts';

readArguments(COMMANDS.start);

const settings = logSettings(process.env);
const serviceLogger = new ServiceLogger(settings);
const logger = new Logger('Service');
Logger.overrideLogger(serviceLogger);

// Node would print the error with all its properties, such as the parameters of a statement.
for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
  process.on(event, (error: unknown) => {
    logger.fatal(`The process ends because of an error that nobody handled: ${anyFaultText(error)}`);
    process.exit(1);
  });
}

try {
  const environment = readEnvironment(process.env);
  const service = await startService(environment, { logger: serviceLogger, onServerDeath: fail });
  logger.log(`Listening on ${service.url}`);
  if (!environment.production) process.stdout.write(announcement(service));
  let stopping = false;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      // A second Ctrl-C does not wait.
      if (stopping) process.exit(130);
      stopping = true;
      logger.log(
        `${signal}: streams are drained, running jobs may finish; press Ctrl-C again to stop at once`,
      );
      service.close().then(
        () => process.exit(0),
        (error: unknown) => fail(error),
      );
    });
  }
} catch (error) {
  fail(error);
}

function fail(error: unknown): void {
  tellFailure(error, settings);
  process.exit(1);
}
