import { describe, expect, it } from '@jest/globals';
import { SseBufferOverflow, SseParser, type ServerEvent } from '../../src/client/sse-parser.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

interface Parsed {
  events: ServerEvent[];
  comments: string[];
  lastEventId: string;
  retryMs: number | null;
}

function parse(chunks: Uint8Array[], lastEventId = ''): Parsed {
  const comments: string[] = [];
  const parser = new SseParser({ lastEventId, onComment: (text) => comments.push(text) });
  const events = chunks.flatMap((chunk) => parser.push(chunk));
  return { events, comments, lastEventId: parser.lastEventId, retryMs: parser.retryMs };
}

const event = (data: string, id = '', name = 'message'): ServerEvent => ({ event: name, id, data });

interface Case {
  title: string;
  stream: string;
  events: ServerEvent[];
  comments?: string[];
  lastEventId?: string;
  retryMs?: number | null;
}

const cases: Case[] = [
  { title: 'names an event "message" by default', stream: 'data: a\n\n', events: [event('a')] },
  {
    title: 'takes the name of the event field',
    stream: 'event: state\ndata: a\n\n',
    events: [event('a', '', 'state')],
  },
  {
    title: 'forgets the name after the event',
    stream: 'event: state\ndata: a\n\ndata: b\n\n',
    events: [event('a', '', 'state'), event('b')],
  },
  { title: 'joins data lines with LF', stream: 'data: a\ndata\ndata: b\n\n', events: [event('a\n\nb')] },
  { title: 'dispatches an event whose data is empty', stream: 'data\n\n', events: [event('')] },
  { title: 'removes one space after the colon only', stream: 'data:  a\n\n', events: [event(' a')] },
  { title: 'keeps colons inside a value', stream: 'data:a:b\n\n', events: [event('a:b')] },
  {
    title: 'ends lines at CR',
    stream: 'data: a\rdata: b\r\rdata: c\r\r',
    events: [event('a\nb'), event('c')],
  },
  { title: 'ends lines at CRLF', stream: 'data: a\r\ndata: b\r\n\r\n', events: [event('a\nb')] },
  {
    title: 'accepts mixed line ends',
    stream: 'data: a\r\ndata: b\r\n\ndata: c\n\r',
    events: [event('a\nb'), event('c')],
  },
  { title: 'skips one byte order mark', stream: '\uFEFFdata: a\n\n', events: [event('a')] },
  { title: 'takes a second byte order mark as text', stream: '\uFEFF\uFEFFdata: a\n\n', events: [] },
  { title: 'keeps a byte order mark inside the data', stream: 'data: \uFEFF\n\n', events: [event('\uFEFF')] },
  { title: 'reads characters of several bytes', stream: 'data: ü€😀\n\n', events: [event('ü€😀')] },
  {
    title: 'keeps an id for the events after it',
    stream: 'id: 1.0\ndata: a\n\ndata: b\n\n',
    events: [event('a', '1.0'), event('b', '1.0')],
    lastEventId: '1.0',
  },
  {
    title: 'commits the id of an event without data',
    stream: 'id: 7\nevent: x\n\n',
    events: [],
    lastEventId: '7',
  },
  { title: 'does not commit the id of an unfinished event', stream: 'id: 7\ndata: a\n', events: [] },
  {
    title: 'ignores an id that holds NUL',
    stream: 'id: 1\nid: 2\u00003\ndata: a\n\n',
    events: [event('a', '1')],
    lastEventId: '1',
  },
  {
    title: 'clears the id by an empty one',
    stream: 'id: 1\ndata: a\n\nid\ndata: b\n\n',
    events: [event('a', '1'), event('b')],
  },
  { title: 'reads the retry field', stream: 'retry: 1500\n', events: [], retryMs: 1500 },
  {
    title: 'ignores a retry that is not all digits',
    stream: 'retry: 15\nretry: 1.5\nretry: -1\nretry\n',
    events: [],
    retryMs: 15,
  },
  { title: 'hands over comments', stream: ': hb\n:\n:  x\n', events: [], comments: ['hb', '', ' x'] },
  {
    title: 'ignores unknown fields and fields in capitals',
    stream: 'foo: 1\nData: a\n data: b\ndata: c\n\n',
    events: [event('c')],
  },
  {
    title: 'drops an event that the stream leaves unfinished',
    stream: 'data: a\n\ndata: b',
    events: [event('a')],
  },
];

describe('SseParser', () => {
  for (const { title, stream, events, comments = [], lastEventId = '', retryMs = null } of cases) {
    const expected = { events, comments, lastEventId, retryMs };

    it(`${title}.`, () => {
      expect(parse([bytes(stream)])).toEqual(expected);
    });

    it(`${title}, wherever the stream is cut in two and byte by byte.`, () => {
      const all = bytes(stream);
      for (let cut = 0; cut <= all.length; cut += 1) {
        expect(parse([all.subarray(0, cut), all.subarray(cut)])).toEqual(expected);
      }
      expect(parse(Array.from(all, (byte) => Uint8Array.of(byte)))).toEqual(expected);
    });
  }

  it('gives the event at a CR without waiting for a LF.', () => {
    const parser = new SseParser();
    expect(parser.push(bytes('data: a\r\r'))).toEqual([event('a')]);
    expect(parser.push(bytes('\ndata: b\r\n\r\n'))).toEqual([event('b')]);
  });

  it('starts from the last event id of an earlier connection.', () => {
    expect(parse([bytes('data: a\n\n')], '3.1').events).toEqual([event('a', '3.1')]);
  });

  it('replaces bytes that are not UTF-8.', () => {
    expect(parse([bytes('data: '), Uint8Array.of(0xff), bytes('\n\n')]).events).toEqual([event('\uFFFD')]);
  });

  it('refuses a line that grows beyond the bound.', () => {
    const parser = new SseParser({ maxBuffered: 10 });
    parser.push(bytes('data: 1234'));
    expect(() => parser.push(bytes('5'))).toThrow(SseBufferOverflow);
  });

  it('refuses an event whose data lines together grow beyond the bound.', () => {
    const parser = new SseParser({ maxBuffered: 20 });
    const push = (): unknown => parser.push(bytes('data: 12345\n'));
    push();
    push();
    expect(push).toThrow(SseBufferOverflow);
  });

  it('bounds each event by itself, not the stream.', () => {
    const parser = new SseParser({ maxBuffered: 10 });
    expect(parser.push(bytes('data: 1\n\n'.repeat(100)))).toHaveLength(100);
  });
});
