import { once } from 'node:events';
import { createServer } from 'node:net';

/** Refuses a port that cannot be listened on before servers are started for nothing. */
export async function checkPort(port: number, host: string): Promise<void> {
  const probe = createServer();
  try {
    probe.listen(port, host);
    await once(probe, 'listening');
  } catch (cause) {
    const { code = '' } = cause as NodeJS.ErrnoException;
    const reason =
      code === 'EADDRINUSE'
        ? 'something listens there already. Set PORT to another one.'
        : `${code}. Are HOST and PORT right?`;
    throw new Error(`Port ${port} of ${host} cannot be used: ${reason}`, { cause });
  }
  probe.close();
  await once(probe, 'close');
}
