import { byId, element, iconButton } from './element.js';

const SHOWN_MS = 9000;
const MAX = 4;

/** Shows a message in the corner. It disappears after 9 s unless the pointer or the focus is on it. */
export function toast(title, lines = []) {
  const place = byId('toasts');
  const remove = () => node.remove();
  const close = iconButton('close', 'Dismiss', remove);
  const body = element('div', {}, element('p', { class: 'toast-title', text: title }));
  for (const line of lines) body.append(element('p', { text: line }));
  const node = element('div', { class: 'toast', role: 'alert' }, body, close);
  const leave = () => (node.matches(':hover, :focus-within') ? setTimeout(leave, 1000) : remove());
  setTimeout(leave, SHOWN_MS);
  place.append(node);
  while (place.children.length > MAX) place.firstElementChild.remove();
}

/** Shows what failed, with the server's message. */
export function toastError(what, error) {
  toast(what, describe(error));
}

/** The server's message, followed by its issues. */
export function describe(error) {
  const issues = (error.issues ?? []).map(({ path, message }) => (path ? `${path}: ${message}` : message));
  return [error.message, ...issues];
}
