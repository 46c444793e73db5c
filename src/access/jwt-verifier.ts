import { createSecretKey } from 'node:crypto';
import { type ExecutionContext, Injectable } from '@nestjs/common';
import { type JWTPayload, jwtVerify, type JWTVerifyOptions, type JWTVerifyResult } from 'jose';
import { ResolvedOptions } from '../jobs.options.ts';
import { type Caller, isName, isScope } from './caller.ts';
import { bearerOf } from './bearer.ts';
import { JobsAccess } from './jobs-access.ts';
import { remoteKeys } from './remote-keys.ts';

type Verify = (token: string) => Promise<JWTVerifyResult>;

/** Allowed difference between the clocks of the issuer and this server. */
const CLOCK_TOLERANCE_SECONDS = 30;
/** Far longer than any real token; longer ones are refused unread. */
const MAX_TOKEN = 8_192;
/** RFC 7515, 7.1: three parts in base64url without padding, so that every token has only one spelling. */
const COMPACT = /^[\w-]+\.[\w-]+\.[\w-]+$/;
/** The year 9999. Later dates are written differently by Postgres and JSON. */
const LATEST_MS = Date.UTC(9999, 0);

/**
 * The default `JobsAccess`: JSON Web Tokens and their scopes. The algorithms are pinned to the kind of key, so that a
 * public key cannot be used as an HMAC secret.
 */
@Injectable()
export class JwtVerifier extends JobsAccess {
  readonly #verify: Verify;
  readonly #tenantClaim: string;

  constructor({ jwt }: ResolvedOptions) {
    super();
    if (!jwt)
      throw new Error(
        'JobsModule needs the option `jwt` to check bearer tokens, or `access` with your own provider.',
      );
    this.#tenantClaim = jwt.tenantClaim;
    this.#verify = verifierOf(jwt);
  }

  async authenticate(context: ExecutionContext): Promise<Caller | null> {
    const token = bearerOf(context.switchToHttp().getRequest());
    return token === null ? null : this.verify(token);
  }

  /** The caller that the token names, or null when the token is not valid. */
  async verify(token: string): Promise<Caller | null> {
    if (token.length > MAX_TOKEN || !COMPACT.test(token)) return null;
    try {
      const { payload } = await this.#verify(token);
      return this.#callerOf(payload);
    } catch {
      // The reason is not reported: it would help attackers only.
      return null;
    }
  }

  #callerOf(payload: JWTPayload): Caller | null {
    const tenant = payload[this.#tenantClaim];
    const { sub: subject, exp, iat, jti } = payload;
    if (!isName(tenant) || !isName(subject) || exp === undefined) return null;
    // Refuse tokens that could not be revoked: those whose id is no valid name, or that claim to be issued in the
    // future, after any revocation.
    if (jti !== undefined && !isName(jti)) return null;
    if (iat !== undefined && iat * 1000 > Date.now() + CLOCK_TOLERANCE_SECONDS * 1000) return null;
    const scope = typeof payload['scope'] === 'string' ? payload['scope'] : '';
    return {
      tenant,
      subject,
      scopes: new Set(scope.split(' ').filter(isScope)),
      expiresAt: new Date(Math.min(exp * 1000, LATEST_MS)),
      job: null,
      // At most now, so that a revocation made right away covers the token even when the issuer's clock is ahead.
      issuedAt: iat === undefined ? undefined : new Date(Math.max(Math.min(iat * 1000, Date.now()), 0)),
      tokenId: jti,
    };
  }
}

function verifierOf({ secret, jwksUrl, issuer, audience }: NonNullable<ResolvedOptions['jwt']>): Verify {
  const common: JWTVerifyOptions = {
    issuer,
    audience,
    requiredClaims: ['exp', 'sub', 'iss', 'aud'],
    clockTolerance: CLOCK_TOLERANCE_SECONDS,
  };
  if (jwksUrl) {
    const keys = remoteKeys(jwksUrl);
    const algorithms = ['RS256', 'ES256', 'EdDSA'];
    return (token) => jwtVerify(token, keys, { ...common, algorithms });
  }
  const key = createSecretKey(Buffer.from(secret ?? '', 'utf8'));
  return (token) => jwtVerify(token, key, { ...common, algorithms: ['HS256'] });
}
