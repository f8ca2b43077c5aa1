// SPDX-License-Identifier: Apache-2.0
/* The dialog in which a job is saved as a search. */
import {h, button} from './dom.js';
import {ApiError, isAbort} from './api.js';
import {busy, openDialog} from './dialog.js';
import {clearErrors, field, showErrors} from './form.js';

export function saveSearch(page, {source, job, name: suggested}) {
    const name = h('input', {type: 'text', required: true, maxlength: '64', spellcheck: 'false', value: suggested});
    const shared = h('input', {type: 'checkbox'});
    const ok = button('Save', {class: 'primary', onclick: () => inner.requestSubmit()});
    const inner = h('form', {class: 'stack', onsubmit: async (event) => {
        event.preventDefault();
        clearErrors(inner);
        const wanted = {name: name.value.trim(), source, shared: shared.checked, job};
        if (!/^[A-Za-z0-9_-]{1,64}$/.test(wanted.name))
            return showErrors(inner, {message: '', errors: [{pointer: '/name', detail: 'Letters, digits, _ and -, at most 64'}]});
        try {
            await busy(ok, page.api.post('/api/searches', wanted, {signal: page.signal}));
            shown.close();
            page.toast('The search is saved', {href: '/searches'});
        } catch (error) {
            if (!isAbort(error))
                showErrors(inner, error.status === 409 ? new ApiError(409, {detail: error.message, errors: [{pointer: '/name', detail: 'There is a search of that name already'}]}) : error);
        }
    }}, field('Name', name, {pointer: '/name', help: 'Letters, digits, _ and -.'}), h('label', {class: 'check'}, shared, h('span', {}, 'Everybody may see and run it')));
    const shown = openDialog({title: 'Save as a search', content: [inner], actions: [button('Cancel', {onclick: () => shown.close()}), ok]});
    name.focus();
}
