import { setTimeout as delay } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { JobHandler, PermanentFailure } from '../../dist/src/index.js';

const HOUR = 3_600_000;

/** What the pictures show, oldest first: the list of the dashboard has the newest on top. */
export const ACTS = [
  { type: 'backup.nightly', payload: { keep: 14 }, status: 'queued', startsIn: 7 * HOUR, tags: ['nightly'] },
  { type: 'invoices.send', payload: { month: '2026-10' }, status: 'completed', tags: ['finance'] },
  { type: 'report.build', payload: { quarter: '2026-Q4' }, status: 'failed', tags: ['finance'] },
  { type: 'video.transcode', payload: { file: 'keynote.mp4', height: 1080 }, status: 'cancelled' },
  { type: 'mail.digest', payload: { list: 'weekly' }, status: 'queued' },
  { type: 'catalogue.import', payload: { file: 'products.csv' }, status: 'active', tags: ['shop'] },
  { type: 'album.thumbnails', payload: { album: 'lofoten', width: 320 }, status: 'active', tags: ['photos'] },
];

/** Handlers that look like those of an application, and only wait. */
export class Acts {
  async backup() {
    return null;
  }

  async invoices(_payload, job) {
    await count(job, { total: 312, ms: 1_800, unit: 'invoices', step: 'sending' });
    return { sent: 310, bounced: 2, amount: '48,120.50 EUR' };
  }

  async report({ quarter }, job) {
    await count(job, { total: 9, stop: 5, ms: 1_200, unit: 'tables', step: 'reading the warehouse' });
    throw new PermanentFailure(`The warehouse has no figures for ${quarter} yet.`, { code: 'no_figures' });
  }

  async transcode({ file }, job) {
    await count(job, { total: 24_000, ms: 14_000, unit: 'frames', step: 'encoding', message: () => file });
    return { file };
  }

  async digest(_payload, job) {
    await count(job, { total: 1_840, stop: 620, ms: 1_000, unit: 'messages', step: 'sending' });
    throw new Error('connect ECONNREFUSED smtp.example.com:587');
  }

  async import({ file }, job) {
    job.log.info(`reading ${file}`);
    await count(job, { total: 1_240_000, ms: 150_000, unit: 'rows', step: 'loading', message: () => file });
    return { rows: 1_240_000 };
  }

  async thumbnails({ album, width }, job) {
    job.log.info(`248 photos in the album "${album}"`);
    const message = (done) => {
      if (done % 32 === 0) job.log.info(`IMG_${2_000 + done}.jpg scaled to ${width} px`);
      if (done === 40) job.log.warn('IMG_2039.jpg has no colour profile, sRGB is taken');
      return `IMG_${2_000 + done}.jpg`;
    };
    await count(job, { total: 248, ms: 75_000, unit: 'photos', step: 'resizing', message });
    return { made: 248 };
  }
}

handle('backup', 'backup.nightly');
handle('invoices', 'invoices.send');
handle('report', 'report.build');
handle('transcode', 'video.transcode');
handle('digest', 'mail.digest', { backoff: () => 150_000, attempts: 5 });
handle('import', 'catalogue.import');
handle('thumbnails', 'album.thumbnails');
Injectable()(Acts);

function handle(method, type, options = {}) {
  const descriptor = Object.getOwnPropertyDescriptor(Acts.prototype, method);
  JobHandler(type, { schema: z.unknown(), ...options })(Acts.prototype, method, descriptor);
}

/** Counts up to `stop` at a pace that reaches `total` after `ms`, ten times a second at most. */
async function count(job, { total, ms, unit, step, stop = total, message = () => null }) {
  const turns = Math.min(total, Math.ceil(ms / 100));
  let done = 0;
  for (let turn = 1; turn <= turns && done < stop; turn += 1) {
    await delay(ms / turns, undefined, { signal: job.signal });
    done = Math.min(stop, Math.round((total * turn) / turns));
    job.progress({ done, total, unit, step, message: message(done) });
  }
}
