// SPDX-License-Identifier: Apache-2.0
/* The forms of a review: a field, or a row, is corrected or added. save(word) sends it; what the server refuses is shown at its field, and the form stays. */
import {h, button, uniqueId} from './dom.js';
import {isAbort} from './api.js';
import {openDialog, busy} from './dialog.js';
import {clearErrors, field, select, showErrors} from './form.js';

const same = (a, b) => JSON.stringify(a ?? null) === JSON.stringify(b ?? null);

/* A control for a value of this type, and what it says. A number goes as its text: the server says whether it is one. */
function control(type, value, props = {}) {
    const text = value === null || value === undefined ? '' : Array.isArray(value) ? value.map(String).join('; ') : String(value);
    if (type === 'boolean')
        return select([['', 'nothing'], ['true', 'yes'], ['false', 'no']], {value: text, ...props});
    if (type === 'number')
        return h('input', {type: 'text', inputmode: 'decimal', autocomplete: 'off', value: text, ...props});
    if (type === 'date' && (text === '' || /^\d{4}-\d{2}-\d{2}$/.test(text)))
        return h('input', {type: 'date', value: text, ...props});
    return text.length > 60 || /\n/.test(text) ? h('textarea', {rows: '4', value: text, ...props}) : h('input', {type: 'text', autocomplete: 'off', value: text, ...props});
}
/* What was not changed stays what it was, of whatever kind. */
function valueOf(type, element, before) {
    const text = element.value.trim();
    if (text === '')
        return null;
    if (before !== null && before !== undefined && text === (Array.isArray(before) ? before.map(String).join('; ') : String(before)))
        return before;
    return type === 'boolean' ? text === 'true' : text;
}

function formDialog({title, content, ok, save, page}) {
    const form = h('form', {class: 'stack', id: uniqueId('form'), novalidate: true, onsubmit: (event) => { event.preventDefault(); send(); }}, content);
    const yes = button(ok, {class: 'primary', type: 'submit', form: form.id});
    const shown = openDialog({title, content: [form], actions: [button('Leave it', {onclick: () => shown.close()}), yes]});
    async function send() {
        if (yes.disabled)
            return;
        clearErrors(form);
        try {
            await busy(yes, save());
            shown.close();
        } catch (error) {
            if (isAbort(error))
                return;
            showErrors(form, error);
            if (error.status === 409)
                form.querySelector('.banner[data-errors] > div')?.append(h('p', {}, 'What you see behind this form is what was said. Save again to put yours in its place, or leave it.'));
        }
    }
    form.querySelector('input, textarea, select')?.focus();
    page.signal.addEventListener('abort', () => shown.close(), {once: true});
    return shown;
}
/* A conflict is of the whole, not of one control. */
const asWhole = (error) => { if (error.status === 409) error.errors = []; return error; };
const noteField = (pointer) => { const element = h('input', {type: 'text', maxlength: '2000', autocomplete: 'off'}); return [element, field('Note', element, {help: 'Why, for who reads the report. May be left empty.', pointer: `${pointer}/note`})]; };

/* take: a candidate that is to be the value. */
export function editField({page, field: about, value: take, pointer, save}) {
    const said = about.review?.decision === 'corrected' ? about.review : null, from = take ?? said ?? about;
    const element = control(about.type, from.value), unit = h('input', {type: 'text', autocomplete: 'off', maxlength: '64', value: from.unit ?? about.unit ?? ''});
    const none = h('input', {type: 'checkbox', checked: Boolean(said) && said.value === null, onchange: () => { element.disabled = unit.disabled = none.checked; }});
    const [note, notes] = noteField(pointer);
    element.disabled = unit.disabled = none.checked;
    formDialog({page, title: `Correct: ${about.title}`, ok: 'Save the correction', content: [
        field('Value', element, {pointer: `${pointer}/value`, help: about.type === 'date' ? 'A day of the calendar.' : about.type === 'number' ? 'A decimal number such as 1250.50, without separators.' : ''}),
        h('label', {class: 'check'}, none, h('span', {}, 'The document says nothing of it')), field('Unit', unit, {pointer: `${pointer}/unit`, help: 'Such as GBP, years or %. May be left empty.'}), notes],
    save: () => save({decision: 'corrected', value: none.checked ? null : valueOf(about.type, element, from.value), ...(none.checked ? {} : {unit: unit.value.trim()}), ...(note.value.trim() ? {note: note.value.trim()} : {})}).catch((error) => { throw asWhole(error); })});
}

/* row null: one that is added. */
export function editRow({page, list, name, row, pages, pointer, save}) {
    const below = row ? `${pointer}/cells` : `${pointer}/values`;
    const cells = list.cells.map((cell) => ({...cell, before: row?.[cell.name] ?? null, element: control(cell.type, row?.[cell.name] ?? null)}));
    const [note, notes] = noteField(pointer);
    const at = h('input', {type: 'text', inputmode: 'numeric', autocomplete: 'off'}), quote = h('textarea', {rows: '2', maxlength: '4000'});
    const confirmed = row && row.review?.decision !== 'added';
    const word = () => {
        const said = note.value.trim() ? {note: note.value.trim()} : {};
        if (!row)
            return {decision: 'added', values: {...Object.fromEntries(cells.map((cell) => [cell.name, valueOf(cell.type, cell.element, null)])), page: at.value.trim() || null, quote: quote.value.trim() || null}, ...said};
        const changed = cells.map((cell) => [cell.name, valueOf(cell.type, cell.element, cell.before), cell.before]).filter(([, value, before]) => !same(value, before));
        return {...(confirmed ? {decision: 'confirmed'} : {}), cells: Object.fromEntries(changed.map(([cell, value]) => [cell, {decision: 'corrected', value, ...said}])), ...(confirmed ? said : {})};
    };
    formDialog({page, title: row ? `Edit a row of ${name}` : `Add a row to ${name}`, ok: row ? 'Save the row' : 'Add the row', content: [
        h('div', {class: 'form-grid narrow'}, cells.map((cell) => field(cell.title, cell.element, {pointer: `${below}/${cell.name}`, help: cell.type === 'number' ? 'A decimal number.' : ''}))),
        !row && h('div', {class: 'form-grid narrow'}, field('Page', at, {pointer: `${below}/page`, help: pages ? `1 to ${pages}: where it stands.` : 'Where it stands.'}), field('Quote', quote, {pointer: `${below}/quote`, help: 'Its words in the document.'})), notes],
    save: () => save(word()).catch((error) => { throw asWhole(error); })});
}
