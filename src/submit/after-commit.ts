import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { EntityManager, EntitySubscriberInterface, QueryRunner } from 'typeorm';
import { Database } from '../store/database.ts';

interface TransactionEvent {
  queryRunner: QueryRunner;
}

type Work = () => void;

/** Runs something once a host's transaction has committed; what rolls back never runs, a savepoint included. */
@Injectable()
export class AfterCommit implements OnModuleInit, EntitySubscriberInterface {
  /** What waits, by transaction and by the savepoints in it, innermost last. */
  readonly #waiting = new WeakMap<QueryRunner, Work[][]>();

  constructor(private readonly database: Database) {}

  onModuleInit(): void {
    this.database.dataSource.subscribers.push(this);
  }

  /** Without a transaction under way it runs at once. */
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
    // TypeORM also tells of the release of a savepoint; the transaction around it may still roll back.
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

  /** At least one level: the transaction may have begun before this subscribed. */
  #levelsOf(queryRunner: QueryRunner): Work[][] {
    const levels = this.#waiting.get(queryRunner) ?? [];
    if (levels.length === 0) levels.push([]);
    this.#waiting.set(queryRunner, levels);
    return levels;
  }
}
