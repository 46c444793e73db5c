import { Logger } from '@nestjs/common';
import { anyFaultText } from './index.ts';
import { readEnvironment } from './service/environment.ts';
import { ServiceLogger } from './service/service-logger.ts';
import { startService } from './service/start.ts';

const logger = new Logger('Service');
Logger.overrideLogger(new ServiceLogger());

// Node would print the error with all its properties, such as the parameters of a statement.
for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
  process.on(event, (error: unknown) => {
    logger.fatal(`The process ends because of an error that nobody handled: ${anyFaultText(error)}`);
    process.exit(1);
  });
}

try {
  const service = await startService(readEnvironment(process.env), { logger: new ServiceLogger() });
  logger.log(`Listening on ${service.url}`);
  if (service.token) announceToken(service.url, service.token, service.dashboardUrl);
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

function announceToken(url: string, token: string, dashboardUrl: string): void {
  process.stdout.write(
    `\n  Dashboard   ${dashboardUrl}\n  Token       ${token}\n\n` +
      `  TOKEN=${token}\n` +
      `  curl -s ${url}/jobs -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \\\n` +
      `    -d '{"type":"demo.steps","payload":{"steps":100,"stepMs":50}}'\n\n`,
  );
}

function fail(error: unknown): void {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
