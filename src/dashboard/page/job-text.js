import { formatAgo, formatAmount, formatDuration, formatSeconds, now, summarize } from './format.js';
import { isFinal } from './job-book.js';

const LABELS = {
  queued: 'Queued',
  active: 'Active',
  completed: 'Completed',
  failed: 'Failed',
  cancelled: 'Cancelled',
};

export function statusLabel(status) {
  return LABELS[status] ?? status;
}

/** True from the request to cancel until the worker has stopped. */
export function isCancelling(job) {
  return job.cancelRequestedAt !== null && !isFinal(job);
}

export function stateOf(job) {
  if (isCancelling(job)) return 'Cancelling';
  if (job.status === 'queued' && job.attempt > 0) return 'Waiting to retry';
  return statusLabel(job.status);
}

/** 0 to 100; null if unknown. */
export function percentOf(job) {
  if (job.status === 'completed') return 100;
  if (job.status === 'queued') return 0;
  return job.progress?.percent ?? null;
}

/** Text such as `43%`. At most `99%` until the job is completed, because 100 % of the work is not yet the end. */
export function percentText(job) {
  const percent = percentOf(job);
  if (percent === null) return '';
  return `${job.status === 'completed' ? 100 : Math.min(99, Math.floor(percent))}%`;
}

/** Progress as text: `loading · 12,400 of 98,000 rows`. */
export function progressText(progress) {
  if (!progress) return '';
  const { done, total, unit, step, message } = progress;
  const words = [step, message];
  if (done !== null) words.push(amountText(done, total, unit));
  return words.filter(Boolean).join(' · ');
}

function amountText(done, total, unit) {
  const counted = unit && unit !== 'bytes' ? ` ${unit}` : '';
  const amount = formatAmount(done, unit);
  return total === null ? `${amount}${counted}` : `${amount} of ${formatAmount(total, unit)}${counted}`;
}

/** The line below a job's name. */
export function noteOf(job) {
  switch (job.status) {
    case 'queued':
      return queuedText(job);
    case 'active':
      return (
        progressText(job.progress) ||
        (isCancelling(job) ? 'asked to stop' : 'running, no progress reported yet')
      );
    case 'completed':
      return summarize(job.result);
    case 'failed':
      return job.error?.message ?? 'no reason was given';
    default:
      return progressText(job.progress);
  }
}

function queuedText(job) {
  const seconds = Math.ceil((Date.parse(job.runAt) - now()) / 1000);
  const failure = job.error ? ` · ${job.error.message}` : '';
  if (job.attempt > 0) {
    const when = seconds > 0 ? ` in ${formatSeconds(seconds)}` : '';
    return `attempt ${job.attempt + 1} of ${job.maxAttempts}${when}${failure}`;
  }
  return seconds > 1 ? `starts in ${formatSeconds(seconds)}` : 'waiting for a worker';
}

/**
 * The running time of an active job, the duration and age of a final one, else the age: `12 s`, `4.2 s · 5 min ago`.
 */
export function timeOf(job) {
  if (job.status === 'active' && job.startedAt) {
    return formatSeconds(Math.max(0, Math.floor((now() - Date.parse(job.startedAt)) / 1000)));
  }
  if (isFinal(job)) {
    const ago = formatAgo(job.finishedAt ?? job.updatedAt);
    const took = durationOf(job);
    return took === null ? ago : `${formatDuration(took)} · ${ago}`;
  }
  return formatAgo(job.createdAt);
}

export function durationOf(job) {
  return job.startedAt && job.finishedAt ? Date.parse(job.finishedAt) - Date.parse(job.startedAt) : null;
}

/** The announcement to screen readers when a job changes its status; null for unimportant changes. */
export function announcementOf(job) {
  const name = `${job.type} ${job.id.slice(-4)}`;
  if (job.status === 'failed') return `${name} failed: ${job.error?.message ?? 'no reason was given'}`;
  if (job.status === 'completed') return `${name} completed`;
  if (job.status === 'cancelled') return `${name} cancelled`;
  return null;
}
