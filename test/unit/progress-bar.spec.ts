import { describe, expect, it } from '@jest/globals';
import { formatBytes, ProgressBar, renderBar } from '../../src/service/progress-bar.ts';

const half = { percent: 50, done: 1_000_000, total: 2_000_000, unit: 'bytes', message: 'loading rows' };

const LINE_UP = '\u001B[1A';
const ERASE_LINE = '\u001B[2K';

function printed(output: { isTTY?: boolean; columns?: number }) {
  const texts: string[] = [];
  const bar = new ProgressBar({ ...output, write: (text: string) => texts.push(text) }, () => 0);
  return { bar, texts };
}

describe('renderBar', () => {
  it('shows bar, percentage, counts, pace and message.', () => {
    expect(renderBar({ ...half, width: 90, elapsedMs: 2000 })).toBe(
      `${'█'.repeat(14)}${'░'.repeat(14)}  50 %  1 MB/2 MB  500 kB/s  2 s left  loading rows`,
    );
  });

  it('draws eighths of a block.', () => {
    expect(renderBar({ ...half, percent: 53, width: 24, elapsedMs: 0 })).toMatch(/^████▏░░░ {2}53 %/);
  });

  it('says 100 % only when all is done.', () => {
    expect(renderBar({ ...half, percent: 99.99, width: 80, elapsedMs: 0 })).toContain(' 99 %');
  });

  it('shows the count alone while the share is unknown.', () => {
    const unknown = { percent: null, done: 1234, total: null, unit: 'rows', message: 'reading', width: 24 };
    expect(renderBar({ ...unknown, elapsedMs: 0 })).toBe('1,234 rows  reading');
  });

  it('cuts a message that is too long, never a number.', () => {
    expect(renderBar({ ...half, width: 45, elapsedMs: 0 })).toMatch(/ {2}1 MB\/2 MB {2}loading ro…$/);
    expect(renderBar({ ...half, message: null, width: 24, elapsedMs: 0 })).toMatch(/50 %$/);
  });

  it('is never wider than its width, whatever the message.', () => {
    const wide = (line: string): number =>
      Array.from(line, (c) => (/[\u3000-\u9FFF]|\p{Emoji_Presentation}/u.test(c) ? 2 : 1)).reduce<number>(
        (a, b) => a + b,
        0,
      );
    for (let width = 0; width <= 130; width += 1) {
      for (const message of ['x'.repeat(200), '進捗'.repeat(90), '😀'.repeat(90), '\n\n']) {
        for (const percent of [null, -5, 0, 50, 100, 900]) {
          const line = renderBar({ ...half, percent, message, width, elapsedMs: 9000 });
          expect(wide(line)).toBeLessThanOrEqual(width);
        }
      }
    }
  });

  it('keeps control characters of a message away from the terminal.', () => {
    const line = renderBar({ ...half, message: '\u001B[2Jgone\r\nnext', width: 90, elapsedMs: 0 });
    expect(line).toMatch(/ {2}\[2Jgone next$/);
  });
});

describe('formatBytes', () => {
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1 kB'],
    [50_420_000, '50.4 MB'],
  ])('writes %d as %s.', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });
});

describe('ProgressBar', () => {
  it('redraws one line on a terminal, and ends it at last.', () => {
    const { bar, texts } = printed({ isTTY: true, columns: 40 });
    bar.update(half);
    bar.update({ ...half, percent: 60 });
    bar.finish();
    expect(texts).toHaveLength(2);
    expect(texts.every((text) => text.split('\n').length === 2)).toBe(true);
    expect(texts[1]).toContain(`${LINE_UP}${ERASE_LINE}`);
  });

  it('draws one line where the terminal does not know its width.', () => {
    const { bar, texts } = printed({ isTTY: true, columns: 0 });
    bar.update(half);
    expect(texts[0]?.split('\n')).toHaveLength(2);
    expect(texts[0]).toContain('loading rows');
  });

  it('prints a line above the bar.', () => {
    const { bar, texts } = printed({ isTTY: true, columns: 40 });
    bar.update(half);
    bar.print('a \u001B[2Jnote');
    bar.update(half);
    expect(texts[1]).toContain(`${LINE_UP}${ERASE_LINE}`);
    expect(texts[1]).toContain('a  [2Jnote\n');
    expect(texts[2]).toContain('50 %');
    expect(texts[2]).not.toContain(ERASE_LINE);
  });

  it('prints one line for each tenth where there is no terminal.', () => {
    const { bar, texts } = printed({});
    for (let percent = 0; percent <= 100; percent += 0.5) bar.update({ ...half, percent });
    bar.finish();
    expect(texts).toHaveLength(11);
    expect(texts.every((text) => text.endsWith('\n') && !text.includes('\u001B'))).toBe(true);
  });

  it('starts anew with a new attempt.', () => {
    const { bar, texts } = printed({});
    bar.update({ ...half, percent: 80 });
    bar.update({ ...half, percent: 10 });
    expect(texts).toHaveLength(2);
  });
});
