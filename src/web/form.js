// SPDX-License-Identifier: Apache-2.0
/* Fields of forms, with their labels and errors.
 *
 *   field('Campaign', h('input', {type: 'text'}), {help: '...', pointer: '/campaign_id'})     a label, the control, help and room for an error
 *   showErrors(form, error)      an ApiError: each {pointer, detail} at the field whose pointer is the longest beginning of it; the rest above the form
 *   clearErrors(form)            clearError(form, pointer): that of one field, and the one above the form: what was told of them is out of date
 *   select(options, props)       options: [value, label] pairs or texts */
import {h, add, uniqueId} from './dom.js';
import {clip} from './format.js';

export function field(label, control, {help = '', pointer = null, hideLabel = false, class: kind = ''} = {}) {
    const id = control.id || (control.id = uniqueId('field'));
    const described = [help && `${id}-help`, `${id}-error`].filter(Boolean).join(' ');
    control.setAttribute('aria-describedby', described);
    if (['INPUT', 'SELECT', 'TEXTAREA'].includes(control.tagName) && !['checkbox', 'radio', 'range'].includes(control.type))
        control.classList.add('input');
    return h('div', {class: `field ${kind}`, dataset: pointer === null ? {} : {pointer}},
        h('label', {for: id, class: hideLabel ? 'hidden' : ''}, label), control, help && h('p', {class: 'help', id: `${id}-help`}, help), h('p', {class: 'error', id: `${id}-error`}));
}

export function checkbox(label, props = {}) {
    return h('label', {class: 'check'}, h('input', {type: 'checkbox', ...props}), h('span', {}, label));
}

export function select(options, props = {}) {
    const {value, ...rest} = props;
    const list = h('select', {class: 'input', ...rest}, options.map((option) => Array.isArray(option) ? h('option', {value: option[0]}, option[1]) : h('option', {value: option}, option)));
    if (value !== undefined)
        list.value = value;
    return list;
}

export function clearErrors(form) {
    form.querySelector(':scope > .banner[data-errors]')?.remove();
    for (const shown of form.querySelectorAll('.field > .error'))
        shown.textContent = '';
    for (const control of form.querySelectorAll('[aria-invalid]'))
        control.removeAttribute('aria-invalid');
}

export function clearError(form, pointer) {
    form.querySelector(':scope > .banner[data-errors]')?.remove();
    const at = form.querySelector(`.field[data-pointer="${pointer}"]`);
    if (at?.querySelector('.error'))
        at.querySelector('.error').textContent = '';
    for (const control of at?.querySelectorAll('[aria-invalid]') ?? [])
        control.removeAttribute('aria-invalid');
}

export function showErrors(form, error) {
    clearErrors(form);
    const fields = [...form.querySelectorAll('.field[data-pointer]')];
    const rest = [];
    let first = null;
    for (const {pointer = '', detail = ''} of error.errors ?? []) {
        const at = fields.filter((f) => pointer === f.dataset.pointer || f.dataset.pointer && pointer.startsWith(`${f.dataset.pointer}/`))
            .sort((a, b) => b.dataset.pointer.length - a.dataset.pointer.length)[0];
        if (!at) {
            rest.push(pointer ? `${pointer}: ${detail}` : detail);
            continue;
        }
        at.querySelector('.error').textContent = clip(detail, 300);
        const control = at.querySelector('input, select, textarea');
        control?.setAttribute('aria-invalid', 'true');
        first ??= control;
    }
    if (rest.length || !first) {
        const banner = h('div', {class: 'banner', dataset: {tone: 'bad', errors: ''}, role: 'alert', tabindex: '-1'}, h('div', {}, h('strong', {}, clip(error.message, 400))));
        if (rest.length)
            add(banner.firstChild, h('ul', {}, rest.slice(0, 20).map((text) => h('li', {}, clip(text, 300)))));
        form.prepend(banner);
        first ??= banner;
    }
    first.focus();
}
