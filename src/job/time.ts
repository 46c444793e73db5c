import { z } from 'zod';

/** A time as clients see it. */
export const time = z.iso.datetime().describe('ISO 8601 in UTC, by the clock of Postgres.');

/** A time by another clock, such as that of the process that answers. */
export const instant = z.iso.datetime().describe('ISO 8601 in UTC.');

/** What clients see, as it is stored: the named times are dates. */
export type WithDates<View, Times extends keyof View> = {
  [Key in keyof View]: Key extends Times ? Exclude<View[Key], string> | Date : View[Key];
};

/** What JSON turns into `View`: a text of it may still be a date. */
export type Dated<View> = View extends string
  ? View | Date
  : View extends object
    ? { [Key in keyof View]: Dated<View[Key]> }
    : View;
