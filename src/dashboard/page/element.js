const SVG = 'http://www.w3.org/2000/svg';

/** Paths on a 16 × 16 grid. Every status has its own shape, so that it is not shown by colour alone. */
const SHAPES = {
  queued: 'M8 2.5a5.5 5.5 0 1 0 0 11a5.5 5.5 0 1 0 0-11M8 5.2V8l1.9 1.4',
  active: 'M8 2.5a5.5 5.5 0 1 1-5.5 5.5',
  completed: 'M3 8.6l3.3 3.2L13 4.6',
  failed: 'M4 4l8 8M12 4l-8 8',
  cancelled: 'M3.5 8h9',
  copy: 'M5.5 5.5h7.5v7.5h-7.5zM3 10.5v-7.5h7.5',
  close: 'M4 4l8 8M12 4l-8 8',
};

/**
 * Creates an element. `props` are `class`, `text`, `on: {event: listener}` and attributes; null and false omit an
 * attribute. Strings, also among the children, are only ever inserted as text.
 */
export function element(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === 'text') node.textContent = value;
    else if (name === 'on') listen(node, value);
    else node.setAttribute(name, value === true ? '' : value);
  }
  node.append(...children.filter((child) => child !== null));
  return node;
}

function listen(node, listeners) {
  for (const [type, listener] of Object.entries(listeners)) node.addEventListener(type, listener);
}

/** An icon. It is hidden from screen readers because the text beside it says the same. */
export function icon(shape) {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '0 0 16 16');
  svg.setAttribute('aria-hidden', 'true');
  svg.setAttribute('class', 'icon');
  const path = document.createElementNS(SVG, 'path');
  path.setAttribute('d', SHAPES[shape]);
  svg.append(path);
  return svg;
}

/** A button with only an icon; `label` is its accessible name. */
export function iconButton(shape, label, click) {
  const button = element('button', {
    class: 'plain',
    type: 'button',
    title: label,
    'aria-label': label,
    on: { click },
  });
  button.append(icon(shape));
  return button;
}

/** Sets the text only if it differs, because setting it again would lose the selection and cost a layout. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function byId(id) {
  return document.getElementById(id);
}
