import type { Answer } from '../support/http.ts';

/** All of an answer that could tell one case from another. */
export function comparable({ status, headers, text }: Answer): object {
  const { date: _date, ...rest } = headers;
  return { status, headers: rest, text };
}
