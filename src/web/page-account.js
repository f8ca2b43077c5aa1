// SPDX-License-Identifier: Apache-2.0
/* One's own password and API keys. */
import {h, fill, button} from './dom.js';
import {Ago, Time, Text} from './format.js';
import {Badge} from './words.js';
import {simpleTable, errorState, skeleton} from './table.js';
import {field, select, showErrors, clearErrors} from './form.js';
import {openDialog, confirm, busy} from './dialog.js';
import {isAbort} from './api.js';

const ROLES = ['viewer', 'operator', 'admin'];

function passwordCard(page) {
    const input = (autocomplete) => h('input', {type: 'password', autocomplete, required: true, maxlength: '1024', minlength: autocomplete === 'new-password' ? '8' : null});
    const old = input('current-password'), fresh = input('new-password'), again = input('new-password');
    const save = h('button', {type: 'submit', class: 'btn primary'}, 'Change the password');
    const form = h('form', {class: 'card-body', onsubmit: async (event) => {
        event.preventDefault();
        clearErrors(form);
        if (fresh.value !== again.value)
            return showErrors(form, {message: '', errors: [{pointer: '/again', detail: 'This is not the same as above.'}]});
        try {
            await busy(save, page.api.post('/api/auth/password', {old_password: old.value, new_password: fresh.value}, {signal: page.signal}));
            form.reset();
            page.toast('The password was changed');
        } catch (error) {
            if (!isAbort(error))
                showErrors(form, error);
        }
    }}, field('Password now', old, {pointer: '/old_password'}), field('New password', fresh, {pointer: '/new_password', help: 'A long sentence is better than a short riddle.'}), field('New password again', again, {pointer: '/again'}), h('div', {class: 'row'}, save));
    return h('section', {class: 'card', 'aria-label': 'Password'}, h('header', {}, h('h2', {}, 'Password')), form);
}

function keysCard(page) {
    const list = h('div', {}, h('div', {class: 'card-body'}, skeleton(2)));
    async function load() {
        try {
            const {keys = []} = await page.api.get('/api/auth/keys', {signal: page.signal});
            fill(list, simpleTable({label: 'API keys', rows: keys, empty: 'No keys. A key lets a program do what you may do, without your password.', columns: [
                {label: 'Name', main: true, cell: (k) => Text(k.name, 60)}, {label: 'Role', cell: (k) => Badge(k.role ?? '', 'neutral', {class: 'badge plain'})}, {label: 'Made', cell: (k) => Ago(k.created_at)}, {label: 'Last used', cell: (k) => k.last_used_at ? Ago(k.last_used_at) : h('span', {class: 'muted'}, 'never')},
                {label: 'Ends', cell: (k) => k.expires_at ? Time(k.expires_at) : h('span', {class: 'muted'}, 'never')}, {label: '', class: 'end', cell: (k) => button(`Revoke ${k.name}`, {icon: 'trash', class: 'small ghost', hideLabel: true, onclick: (event) => revoke(event.currentTarget, k)})},
            ]}));
            list.querySelector('.table')?.classList.add('cards');
        } catch (error) {
            if (!isAbort(error))
                fill(list, errorState(error, load));
        }
    }
    async function revoke(element, key) {
        if (!await confirm({title: 'Revoke this key?', text: 'Programs that use it are refused from now on.', ok: 'Revoke', danger: true, cancel: 'Keep it'}))
            return;
        try {
            await busy(element, page.api.del(`/api/auth/keys/${encodeURIComponent(key.key_id)}`, {signal: page.signal}));
            page.toast('Revoked');
        } catch (error) {
            page.toastError(error);
        }
        load();
    }
    function make() {
        const name = h('input', {type: 'text', required: true, maxlength: '64'}), days = select([['30', '30 days'], ['90', '90 days'], ['365', 'A year']], {value: '90'});
        const role = select(ROLES.filter((r) => page.can(r)), {value: page.user.role});
        const save = h('button', {type: 'submit', class: 'btn primary'}, 'Make the key');
        const form = h('form', {class: 'stack', onsubmit: async (event) => {
            event.preventDefault();
            try {
                const key = await busy(save, page.api.post('/api/auth/keys', {name: name.value.trim(), role: role.value, expires_at: new Date(Date.now() + days.value * 86400000).toISOString().replace(/\.\d+Z/, 'Z')}, {signal: page.signal}));
                const text = h('input', {type: 'text', readonly: true, value: key.key, class: 'mono', onfocus: () => text.select()});
                fill(form, h('p', {}, 'Copy it now: it is not kept, and cannot be shown again.'), field('Key', text), h('div', {class: 'row end'}, button('Copy', {icon: 'copy', class: 'primary', onclick: async () => { try { await navigator.clipboard.writeText(key.key); page.toast('Copied'); } catch { text.select(); } }})));
                load();
            } catch (error) {
                if (!isAbort(error))
                    showErrors(form, error);
            }
        }}, field('Name', name, {pointer: '/name', help: 'What it is for.'}), field('Role', role, {pointer: '/role', help: 'It can do no more than this, and never more than you.'}), field('Ends after', days, {pointer: '/expires_at'}), h('div', {class: 'row end'}, save));
        openDialog({title: 'New API key', content: form});
        name.focus();
    }
    load();
    return h('section', {class: 'card', 'aria-label': 'API keys'}, h('header', {}, h('h2', {class: 'grow'}, 'API keys'), button('New key', {icon: 'plus', class: 'small', onclick: make})), list);
}

export function render(root, params, page) {
    page.title('Password and keys');
    root.append(h('div', {class: 'page-head'}, h('h1', {}, 'Password and keys')), h('div', {class: 'grid main-side'}, keysCard(page), passwordCard(page)));
}
