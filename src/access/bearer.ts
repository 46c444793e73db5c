/** The part of a request that can hold a credential. */
export interface WithHeaders {
  headers: Record<string, string | string[] | undefined> & { authorization?: string };
}

/** The token of an `Authorization: Bearer` header, or null. */
export function bearerOf({ headers }: WithHeaders): string | null {
  const match = /^bearer +([A-Za-z0-9._~+/=-]+) *$/i.exec(headers.authorization ?? '');
  return match?.[1] ?? null;
}
