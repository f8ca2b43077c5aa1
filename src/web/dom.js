// SPDX-License-Identifier: Apache-2.0
/* Making elements. Nothing here, nor anywhere in the dashboard, parses markup: a text becomes a text node, whatever is in it.
 *
 *   h('button', {class: 'btn primary', onclick: save, disabled: false}, 'Save')
 *
 * Properties: `class`; `on...` are listeners; `dataset` an object; `style` an object that is set by CSSOM (markup with style attributes is forbidden by the
 * policy); true and false set and leave out an attribute; null and undefined leave it out; `value`, `checked`, `selected`, `indeterminate` set the property.
 * Children: nodes, texts, numbers, lists of them; null, undefined, true and false are nothing.
 * What changes by itself (live figures, lists that are read again) is drawn by redraw(parent, () => children): see below. */

const PROPERTIES = new Set(['value', 'checked', 'selected', 'indeterminate']);
const SVG = 'http://www.w3.org/2000/svg';

function setProperties(element, props) {
    for (const [name, value] of Object.entries(props)) {
        if (value === null || value === undefined || value === false && !PROPERTIES.has(name))
            continue;
        if (name.startsWith('on'))
            element.addEventListener(name.slice(2), value);
        else if (PROPERTIES.has(name))
            element[name] = value;
        else if (name === 'dataset')
            Object.assign(element.dataset, value);
        else if (name === 'style')
            for (const [key, text] of Object.entries(value))
                element.style.setProperty(key, text);
        else
            element.setAttribute(name, value === true ? '' : value);
    }
}

export function h(tag, props, ...children) {
    const element = document.createElement(tag);
    setProperties(element, props ?? {});
    add(element, ...children);
    return element;
}

export function svg(tag, props, ...children) {
    const element = document.createElementNS(SVG, tag);
    setProperties(element, props ?? {});
    add(element, ...children);
    return element;
}

export function add(parent, ...children) {
    for (const child of children.flat(Infinity))
        if (child !== null && child !== undefined && child !== true && child !== false)
            parent.append(child instanceof Node ? child : document.createTextNode(String(child)));
    return parent;
}

/* All children anew. */
export function fill(parent, ...children) {
    parent.replaceChildren();
    return add(parent, ...children);
}

/* What changes by itself must not move under somebody's hand: while a button of the pointer is down, it waits. run is the last one given for the key. */
let pressed = false;
const waiting = new Map();
if (globalThis.document) {
    const released = () => setTimeout(() => { /* after the click */
        pressed = false;
        const runs = [...waiting.values()];
        waiting.clear();
        for (const run of runs)
            run();
    });
    addEventListener('pointerdown', () => { pressed = true; }, true);
    for (const name of ['pointerup', 'pointercancel'])
        addEventListener(name, released, true);
    addEventListener('blur', (event) => { if (event.target === globalThis) released(); });
}
export function calm(key, run) {
    if (pressed)
        waiting.set(key, run);
    else
        run();
}

/* All children anew, for what is live: calm, and what has the focus has it afterwards, known by its name. */
const nameOf = (element) => element.getAttribute('aria-label') ?? element.textContent;
export function redraw(parent, make) {
    calm(parent, () => {
        const focused = parent.contains(document.activeElement) ? document.activeElement : null;
        const tag = focused?.tagName, name = focused && nameOf(focused);
        fill(parent, make());
        if (focused)
            [...parent.querySelectorAll(tag)].find((element) => nameOf(element) === name)?.focus({preventScroll: true});
    });
}

/* An icon of 16 pixels, drawn with the colour of the text. It says nothing to a screen reader: the button has its label. */
const ICONS = {
    jobs: 'M4 6h16M4 12h16M4 18h10', plus: 'M12 5v14M5 12h14', file: 'M7 3h7l4 4v14H7zM14 3v4h4', alert: 'M12 4 3 20h18zM12 10v4M12 17v.5',
    link: 'M10 14a4 4 0 0 0 6 0l3-3a4 4 0 0 0-6-6l-1 1M14 10a4 4 0 0 0-6 0l-3 3a4 4 0 0 0 6 6l1-1', doc: 'M6 3h8l4 4v14H6zM9 11h6M9 15h6M9 7h2',
    queue: 'M4 7h10M4 12h16M4 17h7M17 5v4M14 15v4', money: 'M12 3v18M16.5 7.5C15 6 9 5.500 8.500 9c0 4 8 2 8 6 0 3.500-7 3.500-9 1', health: 'M3 12h4l3-7 4 14 3-7h4',
    audit: 'M9 4h6v3H9zM7 5H5v16h14V5h-2M9 12h6M9 16h6', star: 'M12 4l2.500 5.200 5.500.800-4 4 1 5.600-5-2.700-5 2.700 1-5.600-4-4 5.500-.800z', clock: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18M12 7v5l3 2',
    menu: 'M4 6h16M4 12h16M4 18h16', close: 'M6 6l12 12M18 6 6 18', check: 'M5 12.500 10 17 19 7', search: 'M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14M16 16l5 5',
    sun: 'M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8M12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.500 1.500M17.500 17.500 19 19M5 19l1.500-1.500M17.500 6.500 19 5', moon: 'M20 14A8 8 0 0 1 10 4a8 8 0 1 0 10 10',
    left: 'M15 5l-7 7 7 7', right: 'M9 5l7 7-7 7', down: 'M6 9l6 6 6-6', up: 'M6 15l6-6 6 6', more: 'M5 12h.01M12 12h.01M19 12h.01', copy: 'M9 9h11v11H9zM15 9V4H4v11h5',
    download: 'M12 4v11M7 11l5 5 5-5M5 20h14', refresh: 'M20 12a8 8 0 1 1-2.500-5.800M20 3v4h-4', play: 'M7 4.500v15l12-7.500z', pause: 'M8 5v14M16 5v14', stop: 'M6 6h12v12H6z',
    user: 'M12 4a4 4 0 1 0 0 8 4 4 0 0 0 0-8M4 21c.5-8 15.500-8 16 0', out: 'M14 4h6v16h-6M4 12h11M11 8l4 4-4 4', help: 'M9 9c0-5 7-4.500 6.500-.5-.3 2.500-3.500 2.500-3.500 5.500M12 18v.5', info: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18M12 11v5M12 8v.5',
    key: 'M8 11a4 4 0 1 0 0 8 4 4 0 0 0 0-8M11 12l9-9M16 7l3 3', trash: 'M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13', edit: 'M4 20l1-5L16 4l4 4L9 19z', upload: 'M12 20V9M7 13l5-5 5 5M5 4h14',
};
export function icon(name) {
    return svg('svg', {class: 'icon', viewBox: '0 0 24 24', 'aria-hidden': 'true', focusable: 'false'}, svg('path', {d: ICONS[name] ?? ''}));
}

/* A button with an icon and, unless `label` is only its name for those who do not see it, a text. */
export function button(label, {icon: name, class: kind = '', hideLabel = false, ...props} = {}) {
    return h('button', {type: 'button', class: `btn ${kind}`, ...(hideLabel ? {'aria-label': label, title: label} : {}), ...props}, name && icon(name), !hideLabel && h('span', {}, label));
}

let unique = 0;
export const uniqueId = (prefix = 'id') => `${prefix}-${++unique}`;
