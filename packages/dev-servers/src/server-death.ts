import { dirname } from 'node:path';

/** The reason for an unexpected end is among the last lines; older ones may be about earlier problems. */
const LAST_LINES = 40;
const DISK_FULL = /^.*?((?:could not|Error|Can't|Failed)[^\n]*No space left on device)/;

/** One line for users: which server ended, why according to its log, and what to do. */
export function describeDeath(name: string, cause: string, logFile: string, log: string): string {
  const words = log.trimEnd().split('\n').slice(-LAST_LINES).toReversed();
  const full = words.map((line) => DISK_FULL.exec(line)?.[1]).find(Boolean);
  if (full) {
    return (
      `${name} ended unexpectedly (${cause}): the disk is full (SQLSTATE 53100, "${full}"). ` +
      `Free some space in ${dirname(logFile)} and start the service again: it recovers the data.`
    );
  }
  const panic = words.map((line) => /PANIC: +(.*)/.exec(line)?.[1]).find(Boolean);
  const why = panic ? `: ${panic}` : '';
  return `${name} ended unexpectedly (${cause})${why}. Start the service again: it recovers the data. Its log is ${logFile}`;
}
