// SPDX-License-Identifier: Apache-2.0
/* Modal dialogs (the element <dialog>: focus stays in it, Escape closes it, focus goes back to where it was).
 *
 *   const {dialog, close, closed} = openDialog({title, content: [nodes], actions: [buttons], wide: false})    closed: a promise of what close(value) got
 *   if (await confirm({title, text, ok: 'Cancel the job', danger: true})) ...                                 cancel is always there
 *   const value = await choose({title, text, choices: [{value, label, text, danger}]})                        undefined: none
 *
 * busy(button, promise): the button shows that it works and cannot be pressed again meanwhile. */
import {h, add, icon, button, uniqueId} from './dom.js';

export function openDialog({title, content = [], actions = [], wide = false}) {
    const id = uniqueId('dialog');
    let value;
    const close = (result) => { value = result; dialog.close(); };
    const dialog = h('dialog', {class: wide ? 'wide' : '', 'aria-labelledby': id, onclick: (event) => { if (event.target === dialog && wide) close(); }},
        h('div', {class: 'dialog'},
            h('header', {}, h('h2', {id}, title), button('Close', {icon: 'close', class: 'ghost', hideLabel: true, onclick: () => close()})),
            h('div', {class: 'dialog-body', tabindex: wide ? '0' : null, role: wide ? 'region' : null, 'aria-labelledby': wide ? id : null}, content),
            actions.length > 0 && h('footer', {}, actions)));
    const closed = new Promise((resolve) => dialog.addEventListener('close', () => { dialog.remove(); resolve(value); }));
    document.body.append(dialog);
    dialog.showModal();
    return {dialog, close, closed};
}

export function confirm({title, text = '', content = [], ok = 'OK', danger = false, cancel = 'Keep as it is'}) {
    const yes = button(ok, {class: danger ? 'danger' : 'primary', onclick: () => shown.close(true)});
    const shown = openDialog({title, content: [text && h('p', {}, text), content], actions: [button(cancel, {onclick: () => shown.close(false)}), yes]});
    yes.focus();
    return shown.closed;
}

export function choose({title, text = '', content = [], choices}) {
    const list = h('div', {class: 'choices'}, choices.map((choice) =>
        h('button', {type: 'button', class: `choice ${choice.danger ? 'danger' : ''}`, onclick: () => shown.close(choice.value)}, h('strong', {}, choice.label), choice.text && h('span', {class: 'muted'}, choice.text))));
    const shown = openDialog({title, content: [text && h('p', {}, text), content, list]});
    list.firstChild?.focus();
    return shown.closed;
}

export async function busy(element, promise) {
    element.setAttribute('aria-busy', 'true');
    element.disabled = true;
    try {
        return await promise;
    } finally {
        element.removeAttribute('aria-busy');
        element.disabled = false;
    }
}

/* A menu below a button, in which it stands, as a neighbour (what is drawn anew takes it away: wait for `menuclose`): items {label, icon, onclick, danger, disabled, hint} or null for a line. Arrow keys, Escape, and a click elsewhere. */
export function menuButton(opener, items) {
    const id = uniqueId('menu');
    opener.setAttribute('aria-haspopup', 'menu');
    opener.setAttribute('aria-expanded', 'false');
    let menu = null;
    const away = (event) => { if (!menu?.contains(event.target) && !opener.contains(event.target)) close(); };
    function close(back = false) {
        if (!menu)
            return;
        menu.remove();
        menu = null;
        opener.setAttribute('aria-expanded', 'false');
        document.removeEventListener('pointerdown', away);
        removeEventListener('resize', close);
        removeEventListener('scroll', close, true);
        if (back)
            opener.focus();
        opener.dispatchEvent(new Event('menuclose', {bubbles: true}));
    }
    function move(by) {
        const list = [...menu.querySelectorAll('button:not(:disabled)')];
        const at = list.indexOf(document.activeElement);
        list[(at + by + list.length) % list.length]?.focus();
    }
    function onkeydown(event) {
        const keys = {ArrowDown: () => move(1), ArrowUp: () => move(-1), Escape: () => close(true), Tab: () => close(true)};
        if (keys[event.key]) {
            event.preventDefault();
            event.stopPropagation();
            keys[event.key]();
        }
    }
    function open() {
        menu = h('div', {class: 'menu', role: 'menu', id, popover: 'manual', onkeydown});
        for (const item of (typeof items === 'function' ? items() : items))
            add(menu, item ? h('button', {type: 'button', role: 'menuitem', class: item.danger ? 'danger' : '', disabled: item.disabled, onclick: () => { close(true); item.onclick(); }},
                item.icon && icon(item.icon), h('span', {class: 'grow'}, item.label), item.hint && h('span', {class: 'muted'}, item.hint)) : h('hr'));
        opener.after(menu);
        menu.showPopover(); /* in the top layer, wherever it stands */
        const box = opener.getBoundingClientRect();
        const left = Math.max(8, Math.min(box.left, document.documentElement.clientWidth - menu.offsetWidth - 8));
        const below = box.bottom + 4 + menu.offsetHeight < innerHeight || box.top < menu.offsetHeight;
        menu.style.left = `${left}px`;
        menu.style.top = `${below ? box.bottom + 4 : box.top - menu.offsetHeight - 4}px`;
        opener.setAttribute('aria-expanded', 'true');
        document.addEventListener('pointerdown', away);
        addEventListener('resize', close);
        addEventListener('scroll', close, true);
        menu.querySelector('button:not(:disabled)')?.focus();
    }
    opener.addEventListener('click', () => menu ? close() : open());
    return opener;
}
