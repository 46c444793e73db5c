import { type DynamicModule, Module, type Provider } from '@nestjs/common';
import { AuditLog } from './audit-log.ts';
import { Counters } from './counters.ts';
import { Events } from './events.ts';

/** With those who listen in every process, whatever it does, from the first fact on. */
const events: Provider = {
  provide: Events,
  useFactory: (...listeners: { listenTo(events: Events): void }[]) => {
    const told = new Events();
    for (const listener of listeners) listener.listenTo(told);
    return told;
  },
  inject: [Counters, AuditLog],
};

/** The one place where things are told. */
@Module({})
export class EventsModule {
  static of(): DynamicModule {
    return {
      module: EventsModule,
      providers: [Counters, AuditLog, events],
      exports: [Events, Counters],
    };
  }
}
