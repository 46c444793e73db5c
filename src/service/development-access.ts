// Outside production nobody should need an identity provider for the first minute: the service makes a token itself.
import { randomBytes } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SignJWT } from 'jose';
import type { Environment } from './environment.ts';

const TOKEN_DAYS = 30;
const SECRET_BYTES = 48;
const SHORTEST_SECRET = 32;

/**
 * The secret that development tokens are signed with. It is made once and kept in `dir`, readable to its owner alone, so
 * that tokens and open pages outlive a restart.
 */
export function developmentSecret(dir: string): string {
  const file = join(dir, 'jwt-secret');
  const secret = read(file) ?? make(dir, file);
  if (secret.length >= SHORTEST_SECRET) return secret;
  throw new Error(
    `${file} holds no secret of at least ${SHORTEST_SECRET} bytes. Remove it, and one is made.`,
  );
}

function read(file: string): string | null {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** Linked into place, which fails where another process was faster: all sign with the same secret. */
function make(dir: string, file: string): string {
  // As root, the account of the embedded servers has to walk through the folder.
  mkdirSync(dir, { recursive: true, mode: process.getuid?.() === 0 ? 0o711 : 0o700 });
  const fresh = `${file}.${process.pid}`;
  writeFileSync(fresh, `${randomBytes(SECRET_BYTES).toString('base64url')}\n`, { mode: 0o600 });
  try {
    linkSync(fresh, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    rmSync(fresh);
  }
  return read(file) ?? '';
}

/** A token that may do everything in a tenant of its own. */
export async function developmentToken({ jwt }: Environment, secret: string): Promise<string> {
  return new SignJWT({ [jwt.tenantClaim]: 'demo', scope: 'jobs:read jobs:write jobs:tenant' })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject('developer')
    .setIssuer(jwt.issuer)
    .setAudience(jwt.audience)
    .setIssuedAt()
    .setExpirationTime(`${TOKEN_DAYS}d`)
    .sign(Buffer.from(secret, 'utf8'));
}
