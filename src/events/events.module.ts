import {
  type DynamicModule,
  Injectable,
  Module,
  type OnApplicationShutdown,
  type OnModuleInit,
  type Provider,
} from '@nestjs/common';
import { watchOutages } from '../runtime/outage.ts';
import { AuditLog } from './audit-log.ts';
import { Counters } from './counters.ts';
import { Events } from './events.ts';

/** Registers the listeners that every process has, whatever its roles, before the first fact is told. */
const toldToAll: Provider = {
  provide: Events,
  useFactory: (...listeners: { listenTo(events: Events): void }[]) => {
    const told = new Events();
    for (const listener of listeners) listener.listenTo(told);
    return told;
  },
  inject: [Counters, AuditLog],
};

/** Tells of outages. `runtime/` detects them but must not import `events/`, so this class connects the two. */
@Injectable()
class OutageFacts implements OnModuleInit, OnApplicationShutdown {
  #stop: (() => void) | null = null;

  constructor(private readonly events: Events) {}

  onModuleInit(): void {
    this.#stop = watchOutages((story) => this.events.tell({ name: 'outage', ...story }));
  }

  onApplicationShutdown(): void {
    this.#stop?.();
  }
}

/** The event bus of this process. */
@Module({})
export class EventsModule {
  static of(): DynamicModule {
    return {
      module: EventsModule,
      providers: [Counters, AuditLog, toldToAll, OutageFacts],
      exports: [Events, Counters],
    };
  }
}
