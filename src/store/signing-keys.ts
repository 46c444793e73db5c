import { Inject, Injectable } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { JOBS_OPTIONS, type ResolvedOptions } from '../jobs.options.ts';
import { JOBS_DATA_SOURCE } from './tokens.ts';

/** What each key signs: viewer tokens, the cookies of streams. */
export type SigningKeyName = 'viewer' | 'stream';

/** Keys that the library signs with; they live in Postgres so that every process has the same. */
@Injectable()
export class SigningKeys {
  readonly #keys = new Map<SigningKeyName, Promise<Buffer>>();

  constructor(
    @Inject(JOBS_DATA_SOURCE) private readonly dataSource: DataSource,
    @Inject(JOBS_OPTIONS) private readonly options: ResolvedOptions,
  ) {}

  /** The key, which is read once; where that failed, with the next call again. */
  get(name: SigningKeyName): Promise<Buffer> {
    const known = this.#keys.get(name);
    if (known) return known;
    const key = this.#read(name);
    this.#keys.set(name, key);
    key.catch(() => this.#keys.delete(name));
    return key;
  }

  async #read(name: SigningKeyName): Promise<Buffer> {
    const sql = `SELECT key FROM "${this.options.schema}".signing_key WHERE name = $1`;
    const [row] = await this.dataSource.query<{ key: Buffer }[]>(sql, [name]);
    if (!row)
      throw new Error(
        `The table signing_key has lost its key "${name}"; run the migrations again on an empty table.`,
      );
    return row.key;
  }
}
