import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { EntityManager, EntitySubscriberInterface, QueryRunner } from 'typeorm';
import { Database } from '../store/database.ts';

interface TransactionEvent {
  queryRunner: QueryRunner;
}

type Work = () => void;

/**
 * Runs work after the host's transaction has committed. Work of a transaction or savepoint that rolls back never runs.
 */
@Injectable()
export class AfterCommit implements OnModuleInit, EntitySubscriberInterface {
  /** Waiting work by transaction: one list for the transaction and one for each open savepoint, innermost last. */
  readonly #waiting = new WeakMap<QueryRunner, Work[][]>();

  constructor(private readonly database: Database) {}

  onModuleInit(): void {
    this.database.dataSource.subscribers.push(this);
  }

  /** Runs the work after the commit, or at once when no transaction is active. */
  run(manager: EntityManager, work: Work): void {
    const { queryRunner } = manager;
    if (!queryRunner?.isTransactionActive) return work();
    this.#levelsOf(queryRunner).at(-1)?.push(work);
  }

  afterTransactionStart({ queryRunner }: TransactionEvent): void {
    const levels = this.#waiting.get(queryRunner);
    if (levels) levels.push([]);
    else this.#waiting.set(queryRunner, [[]]);
  }

  afterTransactionCommit({ queryRunner }: TransactionEvent): void {
    const done = this.#levelsOf(queryRunner).pop() ?? [];
    // TypeORM also reports the release of a savepoint here. The outer transaction may still roll back.
    if (queryRunner.isTransactionActive)
      return void this.#levelsOf(queryRunner)
        .at(-1)
        ?.push(...done);
    this.#waiting.delete(queryRunner);
    for (const work of done) work();
  }

  afterTransactionRollback({ queryRunner }: TransactionEvent): void {
    this.#levelsOf(queryRunner).pop();
    if (!queryRunner.isTransactionActive) this.#waiting.delete(queryRunner);
  }

  /** Creates the first list if needed, because the transaction may have begun before this class subscribed. */
  #levelsOf(queryRunner: QueryRunner): Work[][] {
    const levels = this.#waiting.get(queryRunner) ?? [];
    if (levels.length === 0) levels.push([]);
    this.#waiting.set(queryRunner, levels);
    return levels;
  }
}
