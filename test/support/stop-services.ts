import { running } from './start-services.ts';

// oxlint-disable-next-line import/no-default-export -- Jest takes a global teardown from the default export
export default async function stopServices(): Promise<void> {
  await running.services?.stop();
}
