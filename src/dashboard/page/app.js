import { JobsClient } from './client/index.js';
import { byId } from './element.js';
import { learnClock } from './format.js';
import { forgetToken, keepToken, readToken } from './session.js';
import { describe } from './toasts.js';
import { Workspace } from './workspace.js';

let workspace = null;

function clientFor(token) {
  // Relative to the page, so that it also works below a prefix.
  return new JobsClient({ baseUrl: new URL('.', location.href).href, token, fetch: observedFetch });
}

async function observedFetch(input, init) {
  const response = await fetch(input, init);
  learnClock(response.headers.get('date'));
  return response;
}

function enter(token) {
  workspace?.close();
  byId('sign-in').hidden = true;
  byId('workspace').hidden = false;
  workspace = new Workspace(clientFor(token), leave);
}

/** Returns to the sign-in form. `reason` is shown there; null when the user signed out. */
function leave(reason) {
  workspace?.close();
  workspace = null;
  forgetToken();
  byId('workspace').hidden = true;
  byId('sign-in').hidden = false;
  explain(reason ? [reason] : []);
  byId('sign-in-token').focus();
}

function explain(lines) {
  const place = byId('sign-in-reason');
  place.hidden = lines.length === 0;
  place.textContent = lines.join('\n');
}

/** Requests one job before the page changes, so that an invalid token is reported in the form. */
async function signIn(form) {
  const token = form.elements.token.value.trim();
  const button = form.querySelector('button');
  button.disabled = true;
  try {
    await clientFor(token).list({ limit: 1 });
    keepToken(token);
    form.reset();
    explain([]);
    enter(token);
  } catch (error) {
    explain(describe(error));
  } finally {
    button.disabled = false;
  }
}

function begin() {
  const token = readToken();
  if (token) enter(token);
  else leave(null);
}

byId('sign-out').addEventListener('click', () => leave(null));
byId('sign-in-form').addEventListener('submit', (event) => {
  event.preventDefault();
  void signIn(event.currentTarget);
});
// Opening a link with another token in the same tab does not reload the page.
addEventListener('hashchange', () => location.hash.includes('token=') && begin());
begin();
