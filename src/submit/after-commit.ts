import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import type { DataSource, EntityManager, EntitySubscriberInterface, QueryRunner } from 'typeorm';
import { JOBS_DATA_SOURCE } from '../store/tokens.ts';

interface TransactionEnd {
  queryRunner: QueryRunner;
}

/** Runs something once a host's transaction has committed; what rolls back never runs. */
@Injectable()
export class AfterCommit implements OnModuleInit, EntitySubscriberInterface {
  readonly #waiting = new WeakMap<QueryRunner, (() => void)[]>();

  constructor(@Inject(JOBS_DATA_SOURCE) private readonly dataSource: DataSource) {}

  onModuleInit(): void {
    this.dataSource.subscribers.push(this);
  }

  /** Without a transaction under way it runs at once. */
  run(manager: EntityManager, work: () => void): void {
    const { queryRunner } = manager;
    if (!queryRunner?.isTransactionActive) return work();
    const waiting = this.#waiting.get(queryRunner) ?? [];
    this.#waiting.set(queryRunner, [...waiting, work]);
  }

  afterTransactionCommit({ queryRunner }: TransactionEnd): void {
    // TypeORM also tells of the release of a savepoint; the transaction around it may still roll back.
    if (queryRunner.isTransactionActive) return;
    const waiting = this.#waiting.get(queryRunner) ?? [];
    this.#waiting.delete(queryRunner);
    for (const work of waiting) work();
  }

  afterTransactionRollback({ queryRunner }: TransactionEnd): void {
    if (!queryRunner.isTransactionActive) this.#waiting.delete(queryRunner);
  }
}
