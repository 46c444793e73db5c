import type { MigrationInterface } from 'typeorm';

/** A TypeORM migration class whose name ends in its 13-digit timestamp. */
export type SchemaMigration = new () => MigrationInterface & { name: string };
