import { z } from 'zod';
import { isStorableText } from '../runtime/storable.ts';

/** A non-empty text that Postgres can store. */
export const storable = (maxLength: number) =>
  z.string().min(1).max(maxLength).refine(isStorableText, 'must not hold U+0000 or a lone surrogate');
