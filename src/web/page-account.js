// SPDX-License-Identifier: Apache-2.0
/* The own password and API keys; for admins all users. */
import {h, fill, button, icon} from './dom.js';
import {isAbort, session} from './api.js';
import {busy, confirm, menuButton, openDialog} from './dialog.js';
import {checkbox, clearErrors, field, select, showErrors} from './form.js';
import {errorState, simpleTable, skeleton} from './table.js';
import {Ago, Text, Time} from './format.js';
import {Badge, capital} from './words.js';
import {copyText, styles} from './assets.js';

const ROLES = ['viewer', 'operator', 'admin'];
const ROLE_TEXT = {viewer: 'Sees all jobs, changes nothing', operator: 'Sees and changes own jobs', admin: 'Everything, users too'};
const SCOPES = [['read', 'Read'], ['submit', 'Submit jobs'], ['control', 'Cancel, hold, retry'], ['process', 'Load files'], ['admin', 'Administer'], ['metrics', 'Metrics only'], ['cron', 'Cron paths only']];
const PASSWORD_LEAST = 12;

/* A dialog around a form: save(ok) throws an ApiError whose pointers are shown, or gives false to stay open. */
function formDialog({title, content, ok: label, save}) {
    const ok = button(label, {class: 'primary', onclick: () => form.requestSubmit()});
    const form = h('form', {class: 'stack', novalidate: true, onsubmit: async (event) => {
        event.preventDefault();
        clearErrors(form);
        try {
            if (await save(ok, (pointer, detail) => { showErrors(form, {message: '', errors: [{pointer, detail}]}); return false; }) !== false)
                shown.close();
        } catch (error) {
            if (!isAbort(error))
                showErrors(form, error);
        }
    }}, content, h('button', {type: 'submit', hidden: true}));
    const shown = openDialog({title, content: [form], actions: [button('Cancel', {onclick: () => shown.close()}), ok]});
    form.querySelector('input, select')?.focus();
}
const secret = (autocomplete, props = {}) => h('input', {type: 'password', autocomplete, maxlength: '1024', ...props});

export async function render(root, params, page) {
    await styles('/pages.css');
    page.title('Account');
    const keys = h('div', {}, skeleton(3)), users = h('div', {}, skeleton(4)), signal = page.signal;
    const isAdmin = page.can('admin');

    /* ---- password ---- */
    const old = secret('current-password'), fresh = secret('new-password'), again = secret('new-password');
    const change = h('button', {type: 'submit', class: 'btn primary'}, 'Change the password');
    const passwordForm = h('form', {class: 'card-body', novalidate: true, onsubmit: async (event) => {
        event.preventDefault();
        clearErrors(passwordForm);
        const bad = (pointer, detail) => showErrors(passwordForm, {message: '', errors: [{pointer, detail}]});
        if (!old.value)
            return bad('/old_password', 'Your password as it is now');
        if (fresh.value.length < PASSWORD_LEAST)
            return bad('/new_password', `At least ${PASSWORD_LEAST} characters`);
        if (fresh.value !== again.value)
            return bad('/again', 'It is not the same');
        try {
            const answer = await busy(change, page.api.post('/api/auth/password', {old_password: old.value, new_password: fresh.value}, {signal}));
            if (answer?.csrf_token)
                session.take(answer); /* this session goes on under another token */
            for (const input of [old, fresh, again])
                input.value = '';
            page.toast('The password is changed', {text: 'Other sessions are signed out.'});
        } catch (error) {
            if (!isAbort(error))
                showErrors(passwordForm, error);
        }
    }}, h('input', {type: 'text', autocomplete: 'username', value: page.user.name, hidden: true, readonly: true}), h('div', {class: 'form-grid'}, field('Password now', old, {pointer: '/old_password'}), field('New password', fresh, {pointer: '/new_password', help: `At least ${PASSWORD_LEAST} characters.`}), field('New password again', again, {pointer: '/again'})), h('div', {class: 'row'}, change));

    /* ---- keys ---- */
    async function loadKeys() {
        try {
            const answer = await page.api.get('/api/auth/keys', {signal});
            const rows = answer.keys;
            const table = simpleTable({label: 'API keys', rows, empty: 'No keys yet. A key lets a program in without a password.', columns: [
                {label: 'Key', main: true, cell: (k) => [h('strong', {}, Text(k.name, 100)), h('div', {class: 'muted small mono'}, Text(k.key_id, 64))]},
                ...(rows.some((k) => k.owner && k.owner !== page.user.name) ? [{label: 'Owner', cell: (k) => Text(k.owner, 64)}] : []),
                {label: 'Role', cell: (k) => capital(k.role)},
                {label: 'May', cell: (k) => (k.scopes?.length ? Text(k.scopes.join(', '), 120) : h('span', {class: 'muted'}, 'all of its role'))},
                {label: 'Ends', cell: (k) => (k.expires_at ? (Date.parse(k.expires_at) < Date.now() ? Badge('ended', 'bad') : Time(k.expires_at)) : h('span', {class: 'muted'}, 'never'))},
                {label: 'Last used', class: 'nowrap', cell: (k) => (k.last_used_at ? Ago(k.last_used_at) : h('span', {class: 'muted'}, 'never'))},
                {label: '', class: 'end bare', cell: (k) => button(`Revoke ${k.name}`, {icon: 'trash', class: 'ghost small', hideLabel: true, onclick: () => revoke(k)})}]});
            table.querySelector('table')?.classList.add('cards');
            fill(keys, table);
        } catch (error) {
            if (!isAbort(error))
                fill(keys, errorState(error, loadKeys));
        }
    }
    async function revoke(key) {
        if (!await confirm({title: `Revoke the key "${key.name}"?`, text: 'Programs that use it are refused from now on.', ok: 'Revoke it', danger: true}))
            return;
        try {
            await page.api.del(`/api/auth/keys/${encodeURIComponent(key.key_id)}`, {signal});
            page.toast('The key is revoked');
            loadKeys();
        } catch (error) {
            page.toastError(error);
        }
    }
    function newKey() {
        const name = h('input', {type: 'text', maxlength: '128', placeholder: 'cron on host reno'});
        const mine = ROLES.slice(0, ROLES.indexOf(page.user.role) + 1);
        const role = select(mine.map((r) => [r, `${capital(r)}: ${ROLE_TEXT[r].toLowerCase()}`]), {value: page.user.role === 'admin' ? 'operator' : page.user.role});
        const ends = select([['30', 'In 30 days'], ['90', 'In 90 days'], ['365', 'In a year']], {value: '90'});
        const scopes = SCOPES.filter(([scope]) => scope !== 'admin' || isAdmin).map(([scope, label]) => ({scope, box: checkbox(label)}));
        formDialog({title: 'New API key', ok: 'Make the key', content: [field('Name', name, {pointer: '/name', help: 'What uses it, and where.'}), field('Role', role, {pointer: '/role'}), field('Ends', ends, {pointer: '/expires_at'}),
            h('fieldset', {class: 'field', dataset: {pointer: '/scopes'}}, h('legend', {class: 'small'}, 'May use'), h('div', {class: 'check-list'}, scopes.map((s) => s.box)), h('p', {class: 'help'}, 'None marked: all that its role may.'), h('p', {class: 'error'}))],
        save: async (ok, bad) => {
            if (!name.value.trim())
                return bad('/name', 'A key needs a name');
            const chosen = scopes.filter((s) => s.box.querySelector('input').checked).map((s) => s.scope);
            const made = await busy(ok, page.api.post('/api/auth/keys', {name: name.value.trim(), role: role.value, ...(chosen.length ? {scopes: chosen} : {}), expires_at: new Date(Date.now() + Number(ends.value) * 86400000).toISOString().replace(/\.\d+Z/, 'Z')}, {signal}));
            loadKeys();
            showKey(made);
        }});
    }
    function showKey(made) {
        const shown = openDialog({title: 'Your new key', content: [h('p', {}, 'It is shown this once. Whoever has it can do what it may: keep it like a password.'), h('pre', {class: 'code', tabindex: '0', 'aria-label': 'The key'}, made.key), h('p', {class: 'muted small'}, 'Sent as ', h('code', {}, 'Authorization: Bearer …'), ' or ', h('code', {}, 'X-API-Key: …'), '.')],
            actions: [button('Copy', {icon: 'copy', onclick: async () => page.toast(await copyText(made.key) ? 'Copied' : 'This browser does not allow copying', {key: 'copy'})}), button('Done', {class: 'primary', onclick: () => shown.close()})]});
    }

    /* ---- users ---- */
    async function loadUsers() {
        try {
            const {users: rows} = await page.api.get('/api/users', {signal});
            const table = simpleTable({label: 'Users', rows, columns: [
                {label: 'User', main: true, cell: (u) => [h('strong', {}, Text(u.name, 64)), u.name === page.user.name && h('span', {class: 'muted small'}, ' (you)')]},
                {label: 'Role', cell: (u) => [capital(u.role), ' ', u.disabled && Badge('locked', 'bad')]},
                {label: 'Made', class: 'nowrap', cell: (u) => Ago(u.created_at)},
                {label: '', class: 'end bare', cell: (u) => menuButton(button(`Acts for ${u.name}`, {icon: 'more', class: 'ghost small', hideLabel: true}), () => [
                    ...ROLES.filter((r) => r !== u.role).map((r) => ({label: `Make ${r}`, icon: 'user', disabled: u.name === page.user.name, onclick: () => patch(u, {role: r}, `${u.name} is ${r} now`)})),
                    {label: 'Set a password…', icon: 'key', onclick: () => setPassword(u)}, null,
                    {label: u.disabled ? 'Unlock' : 'Lock…', icon: u.disabled ? 'check' : 'pause', disabled: u.name === page.user.name, onclick: () => lock(u)},
                    {label: 'Remove…', icon: 'trash', danger: true, disabled: u.name === page.user.name, onclick: () => removeUser(u)}])}]});
            table.querySelector('table')?.classList.add('cards');
            fill(users, table);
        } catch (error) {
            if (!isAbort(error))
                fill(users, errorState(error, loadUsers));
        }
    }
    const url = (u) => `/api/users/${encodeURIComponent(u.name)}`;
    async function patch(u, what, said) {
        try {
            await page.api.patch(url(u), what, {signal});
            page.toast(said);
            loadUsers();
        } catch (error) {
            page.toastError(error);
        }
    }
    async function lock(u) {
        if (u.disabled || await confirm({title: `Lock ${u.name}?`, text: 'Sessions and keys of this user end at once. Jobs go on.', ok: 'Lock', danger: true}))
            patch(u, {disabled: !u.disabled}, u.disabled ? `${u.name} may sign in again` : `${u.name} is locked`);
    }
    async function removeUser(u) {
        if (!await confirm({title: `Remove ${u.name}?`, text: 'Sessions and keys end at once. Jobs stay, with this name as their owner.', ok: 'Remove', danger: true}))
            return;
        try {
            await page.api.del(url(u), {signal});
            page.toast(`${u.name} is removed`);
            loadUsers();
        } catch (error) {
            page.toastError(error);
        }
    }
    function setPassword(u) {
        const password = secret('new-password');
        formDialog({title: `Password of ${u.name}`, ok: 'Set it', content: [field('New password', password, {pointer: '/password', help: `At least ${PASSWORD_LEAST} characters. Sessions of this user end.`})], save: async (ok, bad) => {
            if (password.value.length < PASSWORD_LEAST)
                return bad('/password', `At least ${PASSWORD_LEAST} characters`);
            await busy(ok, page.api.patch(url(u), {password: password.value}, {signal}));
            page.toast('The password is set');
        }});
    }
    function newUser() {
        const name = h('input', {type: 'text', maxlength: '64', autocapitalize: 'none', spellcheck: 'false', autocomplete: 'off'}), password = secret('new-password'), role = select(ROLES.map((r) => [r, `${capital(r)}: ${ROLE_TEXT[r].toLowerCase()}`]), {value: 'operator'});
        formDialog({title: 'New user', ok: 'Make the user', content: [field('Name', name, {pointer: '/name', help: 'Small letters, digits, . _ and -.'}), field('Role', role, {pointer: '/role'}), field('Password', password, {pointer: '/password', help: `At least ${PASSWORD_LEAST} characters.`})], save: async (ok, bad) => {
            if (!/^[a-z0-9][a-z0-9._-]{0,63}$/.test(name.value.trim()))
                return bad('/name', 'Small letters, digits, . _ and -; a letter or digit first');
            if (password.value.length < PASSWORD_LEAST)
                return bad('/password', `At least ${PASSWORD_LEAST} characters`);
            await busy(ok, page.api.post('/api/users', {name: name.value.trim(), role: role.value, password: password.value}, {signal}));
            page.toast('The user is made');
            loadUsers();
        }});
    }

    fill(root, h('div', {class: 'page-head'}, h('h1', {class: 'grow'}, 'Account'), h('p', {}, 'You are ', h('strong', {}, Text(page.user.name, 64)), `, ${page.user.role}: ${ROLE_TEXT[page.user.role]?.toLowerCase() ?? ''}.`)),
        h('section', {class: 'card', 'aria-label': 'Password'}, h('header', {}, h('h2', {}, 'Password')), passwordForm),
        h('section', {class: 'card', 'aria-label': 'API keys'}, h('header', {}, h('h2', {class: 'grow'}, 'API keys'), button('New key', {icon: 'plus', class: 'small', onclick: newKey})), keys),
        isAdmin && h('section', {class: 'card', 'aria-label': 'Users'}, h('header', {}, h('h2', {class: 'grow'}, 'Users'), button('New user', {icon: 'plus', class: 'small', onclick: newUser})), users));
    await Promise.all([loadKeys(), isAdmin && loadUsers()]);
}
