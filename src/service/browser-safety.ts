import type { ServerResponse } from 'node:http';
import type { INestApplication } from '@nestjs/common';

/**
 * What answers carry; the page replaces the policy by its own, which lets it load its files. Strict transport
 * security is for the proxy that ends TLS.
 */
export const SAFE_HEADERS: Readonly<Record<string, string>> = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
};

/**
 * Security headers on every answer that a page could show (Fastify's preflights come without); pages of other origins are
 * let in only where they are named.
 */
export function protectBrowsers(app: INestApplication, corsOrigins: string[]): void {
  app.use((_request: unknown, response: ServerResponse, next: () => void) => {
    for (const [name, value] of Object.entries(SAFE_HEADERS)) response.setHeader(name, value);
    next();
  });
  if (corsOrigins.length === 0) return;
  // Fastify's alone: an OPTIONS that is no preflight is answered as Express does, not with a text of its own.
  const asExpress = { strictPreflight: false };
  app.enableCors({
    ...asExpress,
    origin: corsOrigins,
    credentials: true,
    methods: ['GET', 'HEAD', 'POST', 'DELETE'],
    allowedHeaders: ['Authorization', 'Content-Type', 'Idempotency-Key', 'Last-Event-ID'],
    exposedHeaders: ['Idempotency-Replayed', 'Location', 'Retry-After', 'WWW-Authenticate'],
    maxAge: 600,
  });
}
