// SPDX-License-Identifier: Apache-2.0
/* Short notices at the edge, read out politely. toast('Saved'); toast('Job failed', {tone: 'bad', text: '...', href: '/jobs/...', key: id}). A notice with the key
 * of another one replaces it. Errors stay until they are closed, the others for some seconds, longer while they are pointed at or focused. */
import {h, icon, button} from './dom.js';
import {clip} from './format.js';

const MOST = 4;
const STAYS_MS = 6000;
const ICONS = {ok: 'check', bad: 'alert', warn: 'alert', info: 'info'};

export function toast(title, {tone = 'ok', text = '', href = null, key = null} = {}) {
    const list = document.getElementById('toasts');
    let timer;
    const close = () => { clearTimeout(timer); node.remove(); };
    const wait = () => { clearTimeout(timer); if (tone !== 'bad') timer = setTimeout(close, STAYS_MS); };
    const node = h('div', {class: 'toast', dataset: {tone, key: key ?? ''}, onpointerenter: () => clearTimeout(timer), onpointerleave: wait, onfocusin: () => clearTimeout(timer), onfocusout: wait},
        icon(ICONS[tone] ?? 'info'),
        h('div', {class: 'grow'}, h('strong', {}, href ? h('a', {href, onclick: close}, clip(title, 120)) : clip(title, 120)), text && h('p', {}, clip(text, 300))),
        button('Close', {icon: 'close', class: 'ghost small', hideLabel: true, onclick: close}));
    if (key)
        for (const other of [...list.children])
            if (other.dataset.key === key)
                other.remove();
    while (list.children.length >= MOST)
        list.firstChild.remove();
    /* Above a dialog that has opened since: the top layer is in the order of showing. */
    if (list.matches(':popover-open'))
        list.hidePopover();
    list.showPopover();
    list.append(node);
    wait();
    return close;
}
/* What went wrong, said once; an aborted call is nothing that went wrong. */
export function toastError(error, title = 'That did not work') {
    if (error?.name !== 'AbortError')
        toast(title, {tone: 'bad', text: error?.message ?? String(error), key: `error ${title}`});
}
