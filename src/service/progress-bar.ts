/** What a bar shows; null where unknown. */
export interface BarState {
  percent: number | null;
  done: number | null;
  total: number | null;
  /** What `done` and `total` count; `bytes` are shown as kB, MB, … */
  unit: string | null;
  message: string | null;
}

/** Where a bar is drawn: a `tty.WriteStream`, or any other stream. */
export interface BarOutput {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];
const BYTE_SCALES = ['B', 'kB', 'MB', 'GB', 'TB'];
const LONGEST_BAR = 28;
/** Columns below which there is room for the percentage alone. */
const NARROW = 12;
/** Below this, a rate is noise. */
const RATE_AFTER_MS = 500;

/** One line, never wider than `width` columns: bar, percentage, counts, pace and message, as far as they fit. */
export function renderBar(state: BarState & { width: number; elapsedMs: number }): string {
  const { percent, width, elapsedMs } = state;
  const label = percent === null ? '' : `${Math.floor(clamp(percent))} %`;
  if (width < NARROW) return label.length <= width ? label : '';
  const barWidth = Math.min(LONGEST_BAR, Math.floor(width / 3));
  const bar = percent === null ? slider(barWidth, elapsedMs) : blocks(barWidth, percent);
  let line = label ? `${bar} ${label.padStart(5)}` : bar;
  for (const part of [counts(state), ...pace(state), plain(state.message ?? '')].filter(Boolean)) {
    const room = width - columns(line) - 2;
    // A cut number would be a wrong number; a cut message still says something.
    const fits = columns(part) <= room || (part === plain(state.message ?? '') && room >= 8);
    if (fits) line += `  ${fit(part, room)}`;
  }
  return line;
}

/** A number of bytes for a person, in powers of 1000: `2.0 MB`. */
export function formatBytes(bytes: number): string {
  const scale = byteScale(bytes);
  return `${scaled(bytes, scale)} ${BYTE_SCALES[scale]}`;
}

function blocks(width: number, percent: number): string {
  const eighths = Math.floor((clamp(percent) / 100) * width * 8);
  const bar = '█'.repeat(Math.floor(eighths / 8)) + (EIGHTHS[eighths % 8] ?? '');
  return bar.padEnd(width, '░');
}

/** A block that wanders to and fro while nobody knows how far the work is. */
function slider(width: number, elapsedMs: number): string {
  const block = Math.min(3, width);
  const way = width - block;
  const step = way === 0 ? 0 : Math.floor(elapsedMs / 100) % (2 * way);
  const left = step <= way ? step : 2 * way - step;
  return '░'.repeat(left) + '█'.repeat(block) + '░'.repeat(way - left);
}

function counts({ done, total, unit }: BarState): string {
  if (done === null) return '';
  if (unit === 'bytes') {
    if (total === null) return formatBytes(done);
    const scale = byteScale(total);
    return `${scaled(done, scale)}/${scaled(total, scale)} ${BYTE_SCALES[scale]}`;
  }
  const count = [done, ...(total === null ? [] : [total])].map(grouped).join('/');
  return unit ? `${count} ${plain(unit)}` : count;
}

/** The rate so far, and the time left at that rate. */
function pace({ done, total, unit, elapsedMs }: BarState & { elapsedMs: number }): string[] {
  if (done === null || done <= 0 || elapsedMs < RATE_AFTER_MS) return [];
  const perSecond = (done / elapsedMs) * 1000;
  const rate = unit === 'bytes' ? formatBytes(perSecond) : grouped(perSecond);
  const left = total !== null && total > done ? [`${duration((total - done) / perSecond)} left`] : [];
  return [`${rate}/s`, ...left];
}

function duration(seconds: number): string {
  if (seconds < 60) return `${Math.ceil(seconds)} s`;
  return seconds < 3600 ? `${Math.ceil(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

function byteScale(bytes: number): number {
  let scale = 0;
  while (bytes >= 999.95 * 1000 ** scale && scale < BYTE_SCALES.length - 1) scale += 1;
  return scale;
}

function scaled(bytes: number, scale: number): string {
  return (bytes / 1000 ** scale).toFixed(scale === 0 ? 0 : 1);
}

function grouped(value: number): string {
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
  if (columns(text) <= width) return text;
  let cut = '';
  for (const character of text) {
    if (columns(cut + character) > width - 1) break;
    cut += character;
  }
  return width > 0 ? `${cut}…` : '';
}

const WIDE = /[\u1100-\u115F\u2E80-\uA4CF\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF00-\uFF60\uFFE0-\uFFE6]/;

/** Columns of a terminal: none for combining marks, two for East Asian wide characters and emoji. */
function columns(text: string): number {
  let count = 0;
  for (const character of text) {
    const wide = WIDE.test(character) || (character.codePointAt(0) ?? 0) >= 0x1f000;
    if (!/\p{M}/u.test(character)) count += wide ? 2 : 1;
  }
  return count;
}

/** Draws in place on a terminal; elsewhere it prints a line for each tenth, so that CI logs stay readable. */
export class ProgressBar {
  readonly #output: BarOutput;
  readonly #now: () => number;
  #startedAt: number;
  #drawn = false;
  #lastPercent = -1;
  #lastTenth = -1;

  constructor(output: BarOutput, now: () => number = Date.now) {
    this.#output = output;
    this.#now = now;
    this.#startedAt = now();
  }

  update(state: BarState): void {
    const percent = state.percent ?? 0;
    if (percent < this.#lastPercent) this.#restart();
    this.#lastPercent = percent;
    const line = renderBar({ ...state, width: this.#width(), elapsedMs: this.#now() - this.#startedAt });
    if (this.#output.isTTY) {
      this.#output.write(`\r\u001B[2K${line}`);
      this.#drawn = true;
    } else if (Math.floor(percent / 10) > this.#lastTenth) {
      this.#lastTenth = Math.floor(percent / 10);
      this.#output.write(`${line}\n`);
    }
  }

  /** Prints a line above the bar, which the next update draws again. */
  print(line: string): void {
    this.#output.write(`${this.#drawn ? '\r\u001B[2K' : ''}${plain(line)}\n`);
    this.#drawn = false;
  }

  /** Leaves the bar as it is and goes to the next line. */
  finish(): void {
    if (this.#drawn) this.#output.write('\n');
    this.#drawn = false;
  }

  /** A new attempt starts from nothing. */
  #restart(): void {
    this.#startedAt = this.#now();
    this.#lastTenth = -1;
  }

  /** The last column stays free: some terminals wrap as soon as it is filled. Some have 0, as they do not know. */
  #width(): number {
    return this.#output.isTTY ? (this.#output.columns || 80) - 1 : 80;
  }
}
