import { Injectable } from '@nestjs/common';
import { Database } from './database.ts';

/** One key for viewer tokens, one for the cookies of streams. */
export type SigningKeyName = 'viewer' | 'stream';

/** The library's signing keys. They are kept in Postgres so that every process has the same ones. */
@Injectable()
export class SigningKeys {
  readonly #keys = new Map<SigningKeyName, Promise<Buffer>>();

  constructor(private readonly database: Database) {}

  /** The key. It is read once; after a failure the next call reads it again. */
  get(name: SigningKeyName): Promise<Buffer> {
    const known = this.#keys.get(name);
    if (known) return known;
    const key = this.#read(name);
    this.#keys.set(name, key);
    key.catch(() => this.#keys.delete(name));
    return key;
  }

  async #read(name: SigningKeyName): Promise<Buffer> {
    const sql = `SELECT key FROM ${this.database.table('signing_key')} WHERE name = $1`;
    const [row] = await this.database.query<{ key: Buffer }[]>(sql, [name]);
    if (!row)
      throw new Error(
        `The table signing_key has lost its key "${name}"; run the migrations again on an empty table.`,
      );
    return row.key;
  }
}
