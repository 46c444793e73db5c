import { z } from 'zod';
import { isStorableText } from '../runtime/storable.ts';

/** A text that is not empty, as Postgres can store it. */
export const storable = (maxLength: number) =>
  z.string().min(1).max(maxLength).refine(isStorableText, 'must not hold U+0000 or a lone surrogate');
