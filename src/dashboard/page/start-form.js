import { byId, element } from './element.js';
import { now } from './format.js';
import { toastError } from './toasts.js';

const QUICK = { type: 'demo.steps', payload: { steps: 100, stepMs: 100 } };

/** Jobs that a single click starts. */
const PRESETS = [
  { name: 'Try it', hint: '100 steps, ten seconds', jobs: [QUICK] },
  {
    name: 'Three at once',
    hint: 'at three speeds',
    jobs: [40, 80, 160].map((stepMs) => ({ type: 'demo.steps', payload: { steps: 100, stepMs } })),
  },
  {
    name: 'One that recovers',
    hint: 'its first attempt fails',
    jobs: [{ type: 'demo.steps', payload: { steps: 60, stepMs: 80, failAtStep: 30, failAttempts: 1 } }],
  },
  {
    name: 'One that fails',
    hint: 'at step 25, for good',
    jobs: [
      { type: 'demo.steps', payload: { steps: 60, stepMs: 80, failAtStep: 25 }, options: { maxAttempts: 1 } },
    ],
  },
  {
    name: 'Import a CSV',
    hint: 'airports.csv to Postgres',
    jobs: [{ type: 'csv.import', payload: { file: 'airports.csv', table: 'airports' } }],
  },
];

/** Sets up the panel that starts jobs. `start({type, payload, options})` resolves when the job is accepted. */
export function connectStartForm(start, signal) {
  const form = byId('start-form');
  const presets = PRESETS.map(({ name, hint, jobs }) => {
    const run = (event) => void startAll(event.currentTarget, () => jobs, start);
    const words = [
      ['preset-name', name],
      ['preset-hint', hint],
    ];
    const spans = words.map(([kind, text]) => element('span', { class: kind, text }));
    return element('button', { class: 'preset', type: 'button', on: { click: run } }, ...spans);
  });
  byId('presets').replaceChildren(...presets);
  form.addEventListener('change', () => showFields(form), { signal });
  const submit = (event) => {
    event.preventDefault();
    if (isValid(form))
      void startAll(form.querySelector('[type=submit]'), () => [readJob(form.elements)], start);
  };
  form.addEventListener('submit', submit, { signal });
  showFields(form);
  // On narrow screens the form starts collapsed, so that the jobs are visible first.
  byId('composer').open = matchMedia('(min-width: 860px)').matches;
}

/** Shows the fields of the chosen type. Hidden ones are disabled, so that they are not validated. */
function showFields(form) {
  for (const fields of form.querySelectorAll('.fields[data-type]')) {
    fields.hidden = fields.dataset.type !== form.elements.type.value;
    for (const input of fields.querySelectorAll('input, textarea')) input.disabled = fields.hidden;
  }
}

function isValid(form) {
  const wrong = [...form.elements].find((input) => input.willValidate && !input.validity.valid);
  wrong?.closest('details')?.setAttribute('open', '');
  wrong?.reportValidity();
  return !wrong;
}

/** Disables the button until the server has answered, so that a double click starts only one job. */
async function startAll(button, jobs, start) {
  button.disabled = true;
  try {
    for (const job of jobs()) await start(job);
  } catch (error) {
    toastError('The job was not started', error);
  } finally {
    button.disabled = false;
  }
}

function readJob(inputs) {
  const options = {
    maxAttempts: numberOf(inputs.maxAttempts),
    priority: numberOf(inputs.priority),
    runAt: inputs.delay.value ? new Date(now() + Number(inputs.delay.value) * 1000).toISOString() : undefined,
    tags: tagsOf(inputs.tags.value),
  };
  return { ...typeAndPayload(inputs), options: known(options) };
}

function typeAndPayload(inputs) {
  const type = inputs.type.value;
  if (type === 'demo.steps') {
    const { steps, stepMs, failAtStep, failAttempts } = inputs;
    const numbers = { steps, stepMs, failAtStep, failAttempts };
    const entries = Object.entries(numbers).map(([name, input]) => [name, numberOf(input)]);
    return { type, payload: known(Object.fromEntries(entries)) };
  }
  if (type === 'csv.import') return { type, payload: { file: inputs.file.value, table: inputs.table.value } };
  return { type: inputs.otherType.value, payload: readJson(inputs.payload.value) };
}

function readJson(text) {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`The payload is not JSON: ${error.message}`, { cause: error });
  }
}

function numberOf(input) {
  return input.value === '' ? undefined : Number(input.value);
}

function tagsOf(text) {
  const tags = text
    .split(',')
    .map((tag) => tag.trim())
    .filter(Boolean);
  return tags.length > 0 ? tags : undefined;
}

/** Removes undefined values, so that the server's defaults apply. */
function known(values) {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}
