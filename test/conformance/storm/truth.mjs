// What happened to each job, as Postgres tells it.

/** The rows of all jobs by id: `{version, changes, lines}`, oldest change first, lines by their number. */
export async function readTruth(ledger) {
  const truth = new Map();
  for (const { id, version } of await ledger.query('SELECT id, version FROM jobs.job'))
    truth.set(id, { version, changes: [], lines: new Map() });
  const changes = await ledger.query(
    `SELECT job_id, status, version, attempt, reason, run_at AS "runAt", at FROM jobs.job_change
     ORDER BY job_id, version`,
  );
  for (const { job_id: id, ...change } of changes)
    truth
      .get(id)
      ?.changes.push({ ...change, runAt: change.runAt.toISOString(), at: change.at.toISOString() });
  const lines = await ledger.query('SELECT job_id, n, level, text, at FROM jobs.job_log');
  for (const { job_id: id, ...line } of lines)
    truth.get(id)?.lines.set(line.n, { ...line, at: line.at.toISOString() });
  return truth;
}
