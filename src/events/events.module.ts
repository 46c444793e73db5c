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

/** With those who listen in every process, whatever it does, from the first fact on. */
const toldToAll: Provider = {
  provide: Events,
  useFactory: (...listeners: { listenTo(events: Events): void }[]) => {
    const told = new Events();
    for (const listener of listeners) listener.listenTo(told);
    return told;
  },
  inject: [Counters, AuditLog],
};

/** Outages are met on shelf 0 too, where nobody knows of events. */
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

/** The one place where things are told. */
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
