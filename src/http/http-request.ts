/** What Express's and Fastify's requests have in common, as far as access needs it. */
export interface HttpRequest {
  method: string;
  headers: Record<string, string | string[] | undefined> & { authorization?: string };
  query: Record<string, unknown>;
  params: Record<string, string>;
}

export interface HttpResponse {
  /** Express's and Fastify's way to set a header. */
  header(name: string, value: string): unknown;
}

/** The token of an `Authorization: Bearer` header, or null. */
export function bearerOf(header: string | undefined): string | null {
  const match = /^bearer +([A-Za-z0-9._~+/=-]+) *$/i.exec(header ?? '');
  return match?.[1] ?? null;
}
