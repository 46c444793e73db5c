import { execFile } from 'node:child_process';
import { join } from 'node:path';

const SUITE = join(import.meta.dirname, '../conformance/run.mjs');
const RUN_MS = 180_000;

export interface ConformanceTarget {
  url: string;
  token: string;
  heartbeatMs: number;
  /** `STREAM_MAX_AGE_MS` of the service. Left out: the rules that wait for it are skipped. */
  maxAgeMs?: number;
  /** Group of rules; default: all. */
  only?: string;
}

/** Runs the conformance suite as a user does; resolves to its exit code and what it printed. */
export function runConformance(target: ConformanceTarget): Promise<{ code: number; output: string }> {
  const { url, token, heartbeatMs, maxAgeMs, only } = target;
  const args = [SUITE, '--url', url, '--token', token, '--heartbeat-ms', String(heartbeatMs)];
  if (maxAgeMs) args.push('--max-age-ms', String(maxAgeMs));
  if (only) args.push('--only', only);
  return new Promise((resolve, reject) => {
    execFile(process.execPath, args, { timeout: RUN_MS }, (error, stdout, stderr) => {
      const output = stdout + stderr;
      if (error === null) resolve({ code: 0, output });
      else if (typeof error.code === 'number') resolve({ code: error.code, output });
      else reject(new Error(`The suite did not end by itself:\n${output}`, { cause: error }));
    });
  });
}

/** The lines of rules that did not pass, with what they say; empty when all did. That nobody waits for `bye` is right. */
export function brokenRules(output: string): string {
  return output
    .replaceAll(/^ok .*\n/gm, '')
    .replaceAll(/^skip bye: .*\n.*--max-age-ms\n/gm, '')
    .replace(/\n*\d+ passed, 0 failed(, 3 skipped)?\n$/, '');
}
