import type { RevocationWatch } from '../../../src/access/revocation-watch.ts';
import type { JobStatus, TenantJob } from '../../../src/job/job.ts';
import { JobHub } from '../../../src/stream/job-hub.ts';
import type { JobReader } from '../../../src/stream/job-reader.ts';
import { JobStream } from '../../../src/stream/job-stream.ts';
import { ReadFaults } from '../../../src/stream/read-faults.ts';
import { Viewers } from '../../../src/stream/viewers.ts';
import type { Subscriber, Subscriptions } from '../../../src/redis/subscriptions.ts';
import type { JobStore } from '../../../src/store/job-store.ts';
import { Events } from '../../../src/events/events.ts';
import { HeldReads } from './held-reads.ts';
import {
  type Happening,
  type JoinBackend,
  type JoinScenario,
  type LifeStep,
  move,
  type Position,
} from './life.ts';
import { JoinViewer } from './viewer.ts';

const UNTIL_LIVE = ['subscribes', 'row is read', 'row answers', 'last frame is read'];

/**
 * One job, one viewer, and everything between them held back: every read, message, acknowledgement and tick of the
 * backstop happens when the test picks it from `possible()`. The classes of `src/stream` are the real ones.
 */
export class JoinWorld {
  readonly position: Position = { status: 'queued', version: 1, tick: 0, progressTick: 0 };
  /** The status of each version, from 1 on. */
  readonly statuses: JobStatus[] = ['queued'];
  readonly trace: string[] = [];
  readonly viewer: JoinViewer;
  readonly #left: LifeStep[];
  readonly #budget: Required<JoinScenario['faults']>;
  readonly #reads = new HeldReads();
  #messages: string[] = [];
  #subscriber: Subscriber | null = null;
  #subscribed = false;
  #acknowledged = false;
  readonly #hub: JobHub;
  readonly #tick: () => void;

  constructor(
    private readonly backend: JoinBackend,
    readonly scenario: JoinScenario,
  ) {
    this.#left = [...scenario.life];
    this.#budget = { lose: 0, double: 0, break: 0, leave: 0, tick: 0, ...scenario.faults };
    const reader = this.#reads.reader(backend.reader) as unknown as JobReader;
    const store = {
      positions: (jobs: TenantJob[]) => this.#reads.hold('positions', () => backend.store.positions(jobs)),
    };
    const subscriptions = { listen: (channel: string, to: Subscriber) => this.#listen(channel, to) };
    const events = new Events();
    const faults = new ReadFaults(events);
    this.#hub = new JobHub(
      reader,
      store as unknown as JobStore,
      subscriptions as unknown as Subscriptions,
      faults,
      events,
      backend.options,
    );
    this.#tick = tickOf(this.#hub);
    const watch = { watch: () => ({ stop: () => undefined, isRevoked: () => false }) };
    const viewers = new Viewers(backend.options, watch as unknown as RevocationWatch, events);
    const streams = new JobStream(this.#hub, reader, viewers, faults, backend.options);
    this.viewer = new JoinViewer(streams, backend.job, scenario);
  }

  /** Brings the job to where the viewer meets it, and the viewer in. */
  async begin(): Promise<void> {
    while (this.scenario.life.length - this.#left.length < this.scenario.before) await this.#live();
    this.viewer.come();
    await this.backend.settle();
    for (const name of this.scenario.live ? UNTIL_LIVE : [])
      for (const next of this.possible().filter((happening) => happening.name === name)) await this.act(next);
  }

  /** What can happen now; never empty before everything has happened. */
  possible(): Happening[] {
    return [
      ...this.#life(),
      ...this.#reads.possible(),
      ...this.#deliveries(),
      ...this.#connection(),
      ...this.#others(),
    ];
  }

  async act({ name, act }: Happening): Promise<void> {
    this.trace.push(name);
    await act();
    await this.backend.settle();
  }

  /** Lets happen what is under way, one backstop after it, and no more of the life. */
  async quiet(messages: 'lost' | 'delivered'): Promise<void> {
    if (!this.viewer.here) await this.act(this.#comeBack());
    if (messages === 'delivered') await this.#deliverAll();
    else this.#messages = [];
    await this.#answerAll();
    await this.act({ name: 'backstop', act: this.#tick });
    await this.#answerAll();
  }

  /** The rest of the life, with every message of it lost. */
  async untilEnd(): Promise<void> {
    while (this.#left.length > 0) {
      await this.#live();
      this.#messages = [];
    }
  }

  close(): void {
    this.viewer.leave();
    void this.#hub.stop();
  }

  #life(): Happening[] {
    const [step] = this.#left;
    return step ? [{ name: step, act: () => this.#live() }] : [];
  }

  /** Frames come in the order of one worker, nudges in theirs; the two may overtake each other. */
  #deliveries(): Happening[] {
    const nudge = this.#messages.find((message) => message.startsWith('!'));
    const frame = this.#messages.find((message) => !message.startsWith('!'));
    return [nudge, frame].flatMap((message) => {
      if (message === undefined) return [];
      const name = message.split('\n')[0] ?? '';
      const deliver = (): void => this.#subscriber?.onMessage(message);
      return [
        { name: `${name} arrives`, act: () => (this.#take(message), deliver()) },
        ...this.#fault('lose', `${name} is lost`, () => this.#take(message)),
        ...this.#fault('double', `${name} arrives, and will again`, deliver),
      ];
    });
  }

  #connection(): Happening[] {
    if (!this.#subscriber) return [];
    if (!this.#subscribed) return [{ name: 'subscribes', act: () => this.#subscribe() }];
    const broken = (): Promise<void> => {
      this.#subscribed = this.#acknowledged = false;
      this.#messages = [];
      return this.backend.breakConnection();
    };
    const known = { name: 'acknowledged', act: () => this.#acknowledge() };
    return [...(this.#acknowledged ? [] : [known]), ...this.#fault('break', 'connection breaks', broken)];
  }

  #others(): Happening[] {
    const leave = this.viewer.open ? this.#fault('leave', 'viewer leaves', () => this.viewer.leave()) : [];
    return [
      ...(this.viewer.here ? leave : [this.#comeBack()]),
      ...this.#fault('tick', 'backstop', this.#tick),
    ];
  }

  #fault(kind: keyof JoinScenario['faults'], name: string, act: Happening['act']): Happening[] {
    if (this.#budget[kind] === 0) return [];
    return [{ name, act: () => ((this.#budget[kind] -= 1), act()) }];
  }

  #comeBack(): Happening {
    return { name: 'viewer comes back', act: () => this.viewer.comeBack(this.position) };
  }

  async #live(): Promise<void> {
    const step = this.#left.shift();
    if (!step) return;
    move(this.position, step);
    if (this.position.version > this.statuses.length) this.statuses.push(this.position.status);
    await this.backend.happen(step, this.position);
  }

  async #subscribe(): Promise<void> {
    await this.backend.connect();
    this.#subscribed = true;
  }

  #acknowledge(): void {
    this.#acknowledged = true;
    this.#subscriber?.onSubscribed();
  }

  #take(message: string): void {
    this.#messages.splice(this.#messages.indexOf(message), 1);
  }

  async #answerAll(): Promise<void> {
    for (let [next] = this.#reads.possible(); next; [next] = this.#reads.possible()) await this.act(next);
  }

  async #deliverAll(): Promise<void> {
    for (let [next] = this.#deliveries(); next; [next] = this.#deliveries()) await this.act(next);
  }

  #listen(channel: string, subscriber: Subscriber): () => void {
    this.#subscriber = subscriber;
    const stop = this.backend.subscriptions.listen(channel, {
      onMessage: (message) => this.#subscribed && this.#messages.push(message),
      onSubscribed: () => undefined,
    });
    return () => {
      stop();
      this.#subscriber = null;
      this.#subscribed = this.#acknowledged = false;
      this.#messages = [];
    };
  }
}

/** What the hub's timer would call; the ones that it sets later are too late for any test. */
function tickOf(hub: JobHub): () => void {
  const { setTimeout } = globalThis;
  let tick: () => void = () => undefined;
  globalThis.setTimeout = ((call: () => void) => void (tick = call)) as unknown as typeof setTimeout;
  hub.start();
  globalThis.setTimeout = setTimeout;
  return tick;
}
