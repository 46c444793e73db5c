import { z } from 'zod';

/** A time as sent to clients. */
export const time = z.iso.datetime().describe('ISO 8601 in UTC, by the Postgres clock.');

/** A time by another clock, such as that of the responding process. */
export const instant = z.iso.datetime().describe('ISO 8601 in UTC.');

/** The stored form of a view: the named times are `Date`s instead of strings. */
export type WithDates<View, Times extends keyof View> = {
  [Key in keyof View]: Key extends Times ? Exclude<View[Key], string> | Date : View[Key];
};

/** A value that `JSON.stringify()` turns into `View`: its strings may be `Date`s. */
export type Dated<View> = View extends string
  ? View | Date
  : View extends object
    ? { [Key in keyof View]: Dated<View[Key]> }
    : View;
