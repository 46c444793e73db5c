const numbers = new Intl.NumberFormat('en-US', { maximumFractionDigits: 2 });
const days = new Intl.DateTimeFormat('en-GB', {
  day: 'numeric',
  month: 'short',
  hour: '2-digit',
  minute: '2-digit',
});
const moments = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium' });
const clocks = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });

const BYTE_UNITS = ['B', 'kB', 'MB', 'GB', 'TB'];

let offset = 0;

/** Learns the server's clock from a `Date` header. Differences up to 2 s are ignored. */
export function learnClock(dateHeader) {
  const difference = Date.parse(dateHeader ?? '') + 500 - Date.now();
  if (!Number.isNaN(difference)) offset = Math.abs(difference) > 2000 ? difference : 0;
}

/** The current time by the server's clock, in milliseconds since 1970. */
export function now() {
  return Date.now() + offset;
}

export function formatNumber(value) {
  return numbers.format(value);
}

/** `1,024`, or `1.0 kB` when the unit is bytes. */
export function formatAmount(value, unit) {
  if (unit !== 'bytes') return formatNumber(value);
  const power = Math.min(BYTE_UNITS.length - 1, value > 0 ? Math.floor(Math.log10(value) / 3) : 0);
  return `${(value / 1000 ** power).toFixed(power === 0 ? 0 : 1)} ${BYTE_UNITS[power]}`;
}

/** `830 ms`, `4.2 s`, `3 min 05 s`, `2 h 07 min`, `3 d 4 h`. */
export function formatDuration(ms) {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 10_000) return `${(Math.floor(ms / 100) / 10).toFixed(1)} s`;
  const seconds = Math.floor(ms / 1000);
  return formatSeconds(seconds);
}

/** Like `formatDuration`, but in whole seconds, for times that are updated every second. */
export function formatSeconds(seconds) {
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${pad(seconds % 60)} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${pad(minutes % 60)} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

function pad(value) {
  return String(value).padStart(2, '0');
}

/** `just now`, `12 s ago`, `5 min ago`, `3 h ago`, then the day and time. */
export function formatAgo(iso, at = now()) {
  const seconds = Math.floor((at - Date.parse(iso)) / 1000);
  if (seconds < 5) return 'just now';
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`;
  return days.format(new Date(iso));
}

export function formatMoment(iso) {
  return moments.format(new Date(iso));
}

export function formatClock(iso) {
  return clocks.format(new Date(iso));
}

/** The end of a UUID, because version 7 ids of the same minute share their beginning. */
export function shortId(id) {
  return id.slice(-8);
}

/** A result in one line: its first plain values by name, and the number of other values. */
export function summarize(result) {
  if (result === null || result === undefined) return '';
  if (typeof result !== 'object') return String(result);
  if (Array.isArray(result)) return `${formatNumber(result.length)} items`;
  const entries = Object.entries(result);
  const plain = entries.filter(([, value]) => value !== null && typeof value !== 'object').slice(0, 4);
  const words = plain.map(
    ([name, value]) => `${name} ${typeof value === 'number' ? formatNumber(value) : value}`,
  );
  const rest = entries.length - plain.length;
  if (rest > 0) words.push(`${rest} more`);
  return words.join(' · ');
}
