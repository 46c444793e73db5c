import { element } from './element.js';
import { formatAgo, formatDuration, formatMoment } from './format.js';
import { durationOf } from './job-text.js';

/** The known facts of a job, as a definition list. */
export function factsOf(job) {
  const took = durationOf(job);
  const facts = [
    ['Attempt', `${job.attempt} of ${job.maxAttempts}`],
    ['Queue', job.queue],
    ['Priority', String(job.priority)],
    ['Owner', job.owner],
    ['Tenant', job.tenant],
    ['Tags', job.tags.join(', ')],
    ['Created', momentOf(job.createdAt)],
    ['Due', job.status === 'queued' ? momentOf(job.runAt) : null],
    ['Started', momentOf(job.startedAt)],
    ['Finished', momentOf(job.finishedAt)],
    ['Took', took === null ? null : formatDuration(took)],
  ];
  return element('dl', { class: 'facts' }, ...facts.filter(([, value]) => value).map(factOf));
}

function momentOf(iso) {
  return iso === null
    ? null
    : element('time', { datetime: iso, title: formatAgo(iso), text: formatMoment(iso) });
}

function factOf([name, value]) {
  return element('div', {}, element('dt', { text: name }), element('dd', {}, value));
}

/** The error with its code, or the result of a completed job; null if there is neither. */
export function outcomeOf(job) {
  if (job.error) {
    const title = job.status === 'failed' ? 'Error' : 'Error of the last attempt';
    return element(
      'section',
      { class: 'detail-part outcome', 'data-outcome': 'error' },
      element('h3', { text: title }),
      element('p', { class: 'error-message', text: job.error.message }),
      element('code', { text: job.error.code }),
    );
  }
  if (job.status !== 'completed') return null;
  return jsonPart('Result', job.result, 'result');
}

export function jsonPart(title, value, outcome = null) {
  return element(
    'section',
    { class: 'detail-part outcome', 'data-outcome': outcome },
    element('h3', { text: title }),
    element('pre', {
      class: 'json',
      tabindex: '0',
      'aria-label': title,
      text: JSON.stringify(value, null, 2),
    }),
  );
}
