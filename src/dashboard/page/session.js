const KEY = 'jobstream.token';

/** The token of this tab: from the address (`#token=…`) once, after that from the tab's session storage. */
export function readToken() {
  const fragment = new URLSearchParams(location.hash.slice(1));
  const given = fragment.get('token');
  if (given === null) return sessionStorage.getItem(KEY);
  // Remove it from the address bar and the history, so that no screenshot or shared link contains it.
  history.replaceState(null, '', location.pathname + location.search);
  if (given) sessionStorage.setItem(KEY, given);
  return given || null;
}

export function keepToken(token) {
  sessionStorage.setItem(KEY, token);
}

export function forgetToken() {
  sessionStorage.removeItem(KEY);
}
