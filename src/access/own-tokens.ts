import { Injectable } from '@nestjs/common';
import { jwtVerify, SignJWT } from 'jose';
import { type SigningKeyName, SigningKeys } from '../store/signing-keys.ts';

const ISSUER = 'jobstream';

/** Claims that every token has. Times are in seconds. */
interface Claims {
  sub: string;
  iat: number;
  exp: number;
}

/**
 * JSON Web Tokens that the module signs. Each kind has its own key and audience, so that one kind is never accepted as
 * another.
 */
@Injectable()
export class OwnTokens {
  constructor(private readonly keys: SigningKeys) {}

  async sign(kind: SigningKeyName, claims: Claims): Promise<string> {
    return new SignJWT({ ...claims, iss: ISSUER, aud: audienceOf(kind) })
      .setProtectedHeader({ alg: 'HS256' })
      .sign(await this.keys.get(kind));
  }

  /** The claims of a token; null when it is not valid or has expired. */
  async verify<Kind extends Claims>(kind: SigningKeyName, token: string): Promise<Kind | null> {
    const options = {
      issuer: ISSUER,
      audience: audienceOf(kind),
      algorithms: ['HS256'],
      requiredClaims: ['exp', 'sub', 'iat'],
    };
    const key = await this.keys.get(kind);
    return jwtVerify<Kind>(token, key, options).then(
      ({ payload }) => payload,
      () => null,
    );
  }
}

const audienceOf = (kind: SigningKeyName): string => `jobstream:${kind}`;
