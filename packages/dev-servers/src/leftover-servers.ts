import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { hasCode } from './data-folder.ts';
import { processesIn } from './process-table.ts';

export interface Leftover {
  /** The server's working directory. The caller owns it, so a server that still runs there is a leftover. */
  folder: string;
  /** File in `folder` to which the server writes its process id. */
  pidFile: string;
  commands: readonly string[];
  stopSignal: NodeJS.Signals;
}

const GRACE_MS = 10_000;

/** Stops only the servers that an earlier run left on this folder. */
export async function stopLeftovers(leftover: Leftover, log: (line: string) => void): Promise<void> {
  if (!existsSync(leftover.folder)) return;
  const folder = realpathSync(leftover.folder);
  const find = (): number[] => processesIn(folder, leftover.commands);
  const found = find();
  if (found.length === 0) return;
  log(`Stopping leftovers of an earlier run on ${folder}: process ${found.join(', ')}`);
  const main = mainProcess(leftover);
  // Without the main process, the other processes cannot be asked to stop. Both servers recover from a kill.
  if (found.includes(main)) signal([main], leftover.stopSignal);
  else signal(found, 'SIGKILL');
  if (await becomesEmpty(find, GRACE_MS)) return;
  signal(find(), 'SIGKILL');
  if (await becomesEmpty(find, GRACE_MS)) return;
  throw new Error(
    `Process ${find().join(', ')} uses ${folder} and does not end. Stop it manually and try again.`,
  );
}

function mainProcess({ folder, pidFile }: Leftover): number {
  const path = `${folder}/${pidFile}`;
  return existsSync(path) ? Number.parseInt(readFileSync(path, 'utf8'), 10) : Number.NaN;
}

function signal(pids: number[], name: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, name);
    } catch (error) {
      if (!hasCode(error, 'ESRCH')) throw error;
    }
  }
}

async function becomesEmpty(find: () => number[], withinMs: number): Promise<boolean> {
  const deadline = Date.now() + withinMs;
  while (find().length > 0) {
    if (Date.now() > deadline) return false;
    await delay(50);
  }
  return true;
}
