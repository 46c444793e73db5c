import { type DynamicModule, Module, type Provider } from '@nestjs/common';
import { getDataSourceToken } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { ResolvedOptions } from '../jobs.options.ts';
import { ApiKeyStore } from './api-key-store.ts';
import { AuditTrail } from './audit-trail.ts';
import { Database } from './database.ts';
import { JobFeed } from './job-feed.ts';
import { JobLeases } from './job-leases.ts';
import { JobLogs } from './job-logs.ts';
import { JobMoves } from './job-moves.ts';
import { JobOffers } from './job-offers.ts';
import { JobRetention } from './job-retention.ts';
import { JobStore } from './job-store.ts';
import { RevocationStore } from './revocation-store.ts';
import { SigningKeys } from './signing-keys.ts';
import { TicketStore } from './ticket-store.ts';

const stores = [
  JobStore,
  JobMoves,
  JobLeases,
  JobOffers,
  JobFeed,
  JobLogs,
  JobRetention,
  SigningKeys,
  TicketStore,
  ApiKeyStore,
  RevocationStore,
  AuditTrail,
];

/** Everything that runs statements on the library's tables. */
@Module({ providers: stores, exports: stores })
export class StoreModule {
  /** `dataSource` is the name of the host's data source. */
  static of(dataSource: string, imports: DynamicModule[]): DynamicModule {
    const database: Provider = {
      provide: Database,
      useFactory: (given: DataSource, { schema }: ResolvedOptions) => new Database(given, schema),
      inject: [getDataSourceToken(dataSource), ResolvedOptions],
    };
    return { module: StoreModule, imports, providers: [database], exports: [Database] };
  }
}
