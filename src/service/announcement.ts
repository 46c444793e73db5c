import type { RunningService } from './start.ts';

/** What a person needs for the first minute, outside production: the page, a token to paste, a job to submit. */
export function announcement({ url, token, dashboardUrl }: RunningService): string {
  if (dashboardUrl === null) return '';
  const page = `\n  Dashboard   ${dashboardUrl}\n\n`;
  if (token === null) return page;
  return (
    `${page}  TOKEN=${token}\n` +
    `  curl -s ${url}/jobs -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \\\n` +
    `    -d '{"type":"demo.steps","payload":{"steps":100,"stepMs":50}}'\n\n`
  );
}
