import type { WriteStream } from 'node:tty';
import { createLogUpdate } from 'log-update';
import prettyBytes from 'pretty-bytes';
import stringWidth from 'string-width';
import type { Progress } from '../client/index.ts';

/** What a bar shows; null where unknown. The unit `bytes` is shown as kB, MB, … */
export type BarState = Omit<Progress, 'step' | 'data'>;

/** Where a bar is drawn: a terminal, or any other stream. */
export type BarOutput = Partial<Pick<WriteStream, 'isTTY' | 'columns'>> & { write(text: string): unknown };

const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];
const LONGEST_BAR = 28;
/** Columns below which there is room for the percentage alone. */
const NARROW = 12;
/** Where the width is not known. */
const FALLBACK_COLUMNS = 80;
/** Columns below which a message says nothing. */
const SHORTEST_MESSAGE = 8;
/** Below this, a rate is noise. */
const RATE_AFTER_MS = 500;

/** One line, never wider than `width` columns: bar, percentage, counts, pace and message, as far as they fit. */
export function renderBar(state: BarState & { width: number; elapsedMs: number }): string {
  const { percent, width } = state;
  const label = percent === null ? '' : `${Math.floor(clamp(percent))} %`;
  if (width < NARROW) return label.length <= width ? label : '';
  const bar = percent === null ? [] : [`${blocks(barWidth(width), percent)} ${label.padStart(5)}`];
  let line = '';
  for (const part of [...bar, ...counts(state), ...pace(state)]) {
    const longer = line ? `${line}  ${part}` : part;
    // A number that is cut would be a wrong number.
    if (stringWidth(longer) <= width) line = longer;
  }
  const message = plain(state.message ?? '');
  const room = width - stringWidth(line) - 2;
  return message && room >= SHORTEST_MESSAGE ? `${line}  ${fit(message, room)}`.trimStart() : line;
}

/** A number of bytes for a person, in powers of 1000: `2.5 MB`. */
export function formatBytes(bytes: number): string {
  return prettyBytes(bytes, { maximumFractionDigits: 1 });
}

function barWidth(width: number): number {
  return Math.min(LONGEST_BAR, Math.floor(width / 3));
}

function blocks(width: number, percent: number): string {
  const eighths = Math.floor((clamp(percent) / 100) * width * 8);
  const bar = '█'.repeat(Math.floor(eighths / 8)) + (EIGHTHS[eighths % 8] ?? '');
  return bar.padEnd(width, '░');
}

function counts({ done, total, unit }: BarState): string[] {
  if (done === null) return [];
  const count = amount(done, unit) + (total === null ? '' : `/${amount(total, unit)}`);
  return [unit === null || unit === 'bytes' ? count : `${count} ${plain(unit)}`];
}

/** The rate so far, and the time left at that rate. */
function pace({ done, total, unit, elapsedMs }: BarState & { elapsedMs: number }): string[] {
  if (done === null || done <= 0 || elapsedMs < RATE_AFTER_MS) return [];
  const perSecond = (done / elapsedMs) * 1000;
  const left = total !== null && total > done ? [`${duration((total - done) / perSecond)} left`] : [];
  return [`${amount(perSecond, unit)}/s`, ...left];
}

function duration(seconds: number): string {
  if (seconds < 60) return `${Math.ceil(seconds)} s`;
  return seconds < 3600 ? `${Math.ceil(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

function amount(value: number, unit: string | null): string {
  if (unit === 'bytes') return formatBytes(value);
  return value.toLocaleString('en', { maximumFractionDigits: value < 10 ? 1 : 0 });
}

function clamp(percent: number): number {
  return Math.min(100, Math.max(0, percent));
}

/** Without control characters: what a handler reports must not steer the terminal. */
function plain(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ').trim();
}

function fit(text: string, width: number): string {
  if (stringWidth(text) <= width) return text;
  const characters = Array.from(text).slice(0, width);
  while (stringWidth(`${characters.join('')}…`) > width) characters.pop();
  return `${characters.join('')}…`;
}

/** Draws in place on a terminal; elsewhere it prints a line for each tenth, so that CI logs stay readable. */
export class ProgressBar {
  readonly #terminal: ReturnType<typeof createLogUpdate> | null;
  #startedAt: number;
  #lastPercent = -1;
  #lastTenth = -1;

  constructor(
    private readonly output: BarOutput,
    private readonly now: () => number = Date.now,
  ) {
    this.#terminal = output.isTTY ? drawOn(output) : null;
    this.#startedAt = now();
  }

  update(state: BarState): void {
    const percent = state.percent ?? 0;
    // A new attempt starts from nothing.
    if (percent < this.#lastPercent) {
      this.#startedAt = this.now();
      this.#lastTenth = -1;
    }
    this.#lastPercent = percent;
    // The last column stays free: some terminals wrap as soon as it is filled.
    const width = this.#terminal ? columnsOf(this.output) - 1 : FALLBACK_COLUMNS;
    const line = renderBar({ ...state, width, elapsedMs: this.now() - this.#startedAt });
    if (this.#terminal) this.#terminal(line);
    else if (Math.floor(percent / 10) > this.#lastTenth) {
      this.#lastTenth = Math.floor(percent / 10);
      this.output.write(`${line}\n`);
    }
  }

  /** Prints a line above the bar, which the next update draws again. */
  print(line: string): void {
    if (this.#terminal) this.#terminal.persist(plain(line));
    else this.output.write(`${plain(line)}\n`);
  }

  /** Leaves the bar as it is. */
  finish(): void {
    this.#terminal?.done();
  }
}

function drawOn(output: BarOutput): ReturnType<typeof createLogUpdate> {
  const stream = {
    isTTY: true,
    get columns() {
      return columnsOf(output);
    },
    write: (text: string) => output.write(text),
  };
  // Hiding the cursor would add a handler of its own for Ctrl-C.
  return createLogUpdate(stream as unknown as NodeJS.WritableStream, { showCursor: true });
}

/** Some terminals have 0, as they do not know. */
function columnsOf({ columns }: BarOutput): number {
  return columns || FALLBACK_COLUMNS;
}
