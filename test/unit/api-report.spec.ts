import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';

describe('The public names of the package', () => {
  it('are those of docs/api.md, 45 at most in the main entry point, with every type that they name', async () => {
    const report = promisify(execFile)(process.execPath, ['test/package/api-report.mjs']);

    await expect(report).resolves.toEqual({ stdout: '', stderr: '' });
  }, 240_000);
});
