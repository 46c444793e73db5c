import { type Cursor, formatCursor, parseCursor } from '../job/cursor.ts';

/** The frames that are sent through Redis. Status frames are not: they are always built from rows. */
export type TickType = 'progress' | 'log';

/** A frame ready to be sent: `data` is JSON that the worker serialises once for all viewers. */
export interface TickFrame {
  cursor: Cursor;
  type: TickType;
  data: string;
}

/** A message on a job's channel: a frame, or a nudge that the row has changed to this version. */
export type ChannelMessage = { frame: TickFrame } | { changed: number };

const NUDGE = '!';
/** Longest frame in bytes. Log frames are split to stay below it. */
export const MAX_FRAME_BYTES = 128 * 1024;

export function encodeNudge(version: number): string {
  return `${NUDGE}${version}`;
}

/** Three lines: `<version>.<tick>`, the type, the data. JSON contains no raw line breaks. */
export function encodeFrame({ cursor, type, data }: TickFrame): string {
  return `${formatCursor(cursor)}\n${type}\n${data}`;
}

/** Parses a message. Null for anything else, because anyone with access to Redis can publish on the channel. */
export function decodeMessage(message: string): ChannelMessage | null {
  if (message.startsWith(NUDGE)) {
    const changed = Number(message.slice(1));
    return Number.isSafeInteger(changed) ? { changed } : null;
  }
  const frame = decodeFrame(message);
  return frame && { frame };
}

/** Parses a frame. Null for anything else, so that its readers can rely on its shape. */
export function decodeFrame(message: string): TickFrame | null {
  if (message.length > MAX_FRAME_BYTES || Buffer.byteLength(message) > MAX_FRAME_BYTES) return null;
  const first = message.indexOf('\n');
  const second = message.indexOf('\n', first + 1);
  if (first < 0 || second < 0) return null;
  const cursor = parseCursor(message.slice(0, first));
  const type = message.slice(first + 1, second);
  if (!cursor || cursor.tick === 0 || (type !== 'progress' && type !== 'log')) return null;
  const data = message.slice(second + 1);
  return data.includes('\n') || !hasShape(type, data) ? null : { cursor, type, data };
}

function hasShape(type: TickType, data: string): boolean {
  const parsed = parsedObject(data);
  if (!parsed) return false;
  if (type === 'progress') return isObject(parsed['progress']);
  const { lines, dropped } = parsed;
  return (
    Array.isArray(lines) && lines.every(isObject) && Number.isSafeInteger(dropped) && Number(dropped) >= 0
  );
}

function parsedObject(json: string): Record<string, unknown> | null {
  try {
    const parsed: unknown = JSON.parse(json);
    return isObject(parsed) ? parsed : null;
  } catch {
    return null;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A message on the changes channel: the jobs of one statement, one per line, as id and percent-encoded tenant. */
export function encodeChanges(jobs: readonly { id: string; tenant: string }[]): string {
  return jobs.map(({ id, tenant }) => `${id} ${encodeURIComponent(tenant)}`).join('\n');
}

export function decodeChanges(message: string): { id: string; tenant: string }[] {
  return message.split('\n').flatMap((line) => {
    const match = CHANGE.exec(line);
    return match ? [{ id: match[1] ?? '', tenant: decodeTenant(match[2] ?? '') }] : [];
  });
}

const CHANGE = /^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}) (\S+)$/;

/** Invalid encoding, which anyone with access to Redis can publish, becomes an empty text that matches no tenant. */
function decodeTenant(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return '';
  }
}
