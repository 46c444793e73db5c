import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from '../../packages/dev-servers/src/free-port.ts';
import type { Host } from '../faults/lab/host.ts';
import type { Lab } from '../faults/lab/lab.ts';

const RESTART_MS = 60_000;
/** The hosts' grace for jobs, for handlers that ignore their signal, and some air. */
const STOP_MS = 20_000;

/** A place for a process, which gets a new one whenever it has lost its own. */
export class Slot {
  host: Host | null = null;
  /** Somebody breaks or mends it just now, so its end is no surprise. */
  busy = false;

  constructor(
    private readonly lab: Lab,
    readonly role: 'api' | 'worker',
    private readonly port: number,
  ) {}

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Starts a process; one that finds its servers away may end, and is started again. */
  async start(): Promise<void> {
    const deadline = Date.now() + RESTART_MS;
    for (;;) {
      const host = this.lab.launch(this.role, { PORT: String(this.port), SHUTDOWN_GRACE_MS: '2000' });
      const up = await Promise.race([host.listening().then(() => true), host.exited.then(() => false)]);
      this.host = host;
      if (up) return;
      if (Date.now() > deadline) throw new Error(`A ${this.role} does not start:\n${host.output}`);
      await delay(500);
    }
  }
}

/** The processes of a run. It notices those that end by themselves: no fault of a server may end a process. */
export class Fleet {
  readonly surprises: string[] = [];
  #watch: NodeJS.Timeout | null = null;

  private constructor(readonly slots: Slot[]) {}

  static async start(lab: Lab, roles: ('api' | 'worker')[]): Promise<Fleet> {
    const slots = await Promise.all(roles.map(async (role) => new Slot(lab, role, await freePort())));
    await Promise.all(slots.map((slot) => slot.start()));
    const fleet = new Fleet(slots);
    fleet.#watch = setInterval(() => fleet.#look(), 500);
    return fleet;
  }

  of(role: 'api' | 'worker'): Slot[] {
    return this.slots.filter((slot) => slot.role === role);
  }

  /** Runs `damage` on the slot's process, then sees to it that the slot has one again. */
  async break(slot: Slot, damage: (host: Host) => Promise<unknown>): Promise<void> {
    slot.busy = true;
    try {
      if (slot.host) await damage(slot.host);
      if (!slot.host?.alive) await slot.start();
    } finally {
      slot.busy = false;
    }
  }

  /** Asks the process to end, as a deployment does; one that does not is a surprise. */
  async terminate(host: Host): Promise<void> {
    const late = delay(STOP_MS, 'late' as const, { ref: false });
    if ((await Promise.race([host.terminate(), late])) !== 'late') return;
    this.surprises.push(`did not end within ${STOP_MS} ms of SIGTERM:\n${host.output.slice(-2_000)}`);
    await host.kill();
  }

  /** Gives every slot a running process. */
  async heal(): Promise<void> {
    if (this.#watch) clearInterval(this.#watch);
    this.#look();
    for (const slot of this.slots) if (!slot.host?.alive) await slot.start();
  }

  #look(): void {
    for (const slot of this.slots) {
      if (slot.busy || slot.host?.alive !== false) continue;
      this.surprises.push(`a ${slot.role} ended by itself:\n${slot.host.output.slice(-3_000)}`);
      void this.break(slot, async () => undefined);
    }
  }
}
