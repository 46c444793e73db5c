import { Injectable } from '@nestjs/common';
import type { LogLine, NewLogLine } from '../job/log-line.ts';
import type { Visibility } from '../job/visibility.ts';
import type { AttemptRef } from './job-columns.ts';
import { isVisible, visibleTo } from './visible.ts';
import { Database } from './database.ts';

export interface LogBatch extends AttemptRef {
  lines: NewLogLine[];
}

/** The log lines of jobs. */
@Injectable()
export class JobLogs {
  constructor(private readonly database: Database) {}

  /**
   * Appends lines to running jobs, fenced by their version. Returns one answer per batch, in order: the number of the
   * line before the batch, or null when the job was taken away.
   */
  async append(batches: LogBatch[]): Promise<(number | null)[]> {
    const rows = await this.database.query<{ id: string; before: number }[]>(
      `WITH input AS (SELECT * FROM json_to_recordset($1) AS r(id uuid, version int, tenant text, lines json)),
       target AS (
         SELECT j.id FROM ${this.database.table('job')} j JOIN input i USING (id)
         WHERE j.version = i.version AND j.tenant = i.tenant AND j.status = 'active' ORDER BY j.id FOR UPDATE OF j
       ), numbered AS (
         UPDATE ${this.database.table('job')} j SET log_lines = j.log_lines + json_array_length(i.lines)
         FROM input i, target t
         WHERE t.id = i.id AND j.id = i.id AND j.version = i.version AND j.tenant = i.tenant
           AND j.status = 'active'
         RETURNING j.id, j.version, i.lines, j.log_lines - json_array_length(i.lines) AS before
       ), added AS (
         INSERT INTO ${this.database.table('job_log')} (job_id, n, version, level, text, at)
         SELECT id, before + line.n, version, line.value ->> 'level', line.value ->> 'text',
           (line.value ->> 'at')::timestamptz
         FROM numbered, json_array_elements(lines) WITH ORDINALITY AS line(value, n)
       ) SELECT id, before FROM numbered`,
      [JSON.stringify(batches)],
    );
    const before = new Map(rows.map((row) => [row.id, row.before]));
    return batches.map(({ id }) => before.get(id) ?? null);
  }

  /** Lines of a visible job after number `after`, oldest first. */
  async read(jobId: string, visibility: Visibility, after: number, limit: number): Promise<LogLine[]> {
    const rows = await this.database.query<(Omit<LogLine, 'at'> & { at: Date })[]>(
      `SELECT l.n, l.level, l.text, l.at FROM ${this.database.table('job_log')} l JOIN ${this.database.table('job')} j ON j.id = l.job_id
       WHERE j.id = $1 AND l.n > $2 AND ${isVisible(4)}
       ORDER BY l.n LIMIT $3`,
      [jobId, after, limit, ...visibleTo(visibility)],
    );
    return rows.map((row) => ({ ...row, at: row.at.toISOString() }));
  }
}
