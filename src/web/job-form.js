// SPDX-License-Identifier: Apache-2.0
/* The fields of a job beside its criteria. jobForm({source, form, changed}) -> {element, load()}: it changes `form` (builder.js) and says so. */
import {h} from './dom.js';
import {field, select} from './form.js';
import {capital} from './words.js';
import {clip} from './format.js';
import {ON_DUPLICATE, PRIORITIES, fromLocalInput, toLocalInput} from './builder.js';

const DUPLICATES = {reject: 'Refuse it', reuse: 'Use what was captured then', run: 'Ask the source again'};

export function jobForm({source, form, changed}) {
    const metered = source.metered, currency = source.currency ?? '';
    const text = (name, props = {}) => h('input', {type: 'text', autocomplete: 'off', value: form[name], oninput: (event) => { form[name] = event.target.value; changed(); }, ...props});
    const number = (name, props) => text(name, {inputmode: 'numeric', ...props});
    const list = (name, options) => select(options, {value: form[name], onchange: (event) => { form[name] = event.target.value; changed(); }});
    const when = h('input', {type: 'datetime-local', value: toLocalInput(form.not_before), onchange: () => { form.not_before = fromLocalInput(when.value); changed(); }});
    const members = Object.entries(source.job_members ?? {}).filter(([name]) => !source.builderNames?.has(name)).map(([name, about]) => memberField(name, about ?? {}, form, changed));
    return h('div', {class: 'card-body'},
        h('div', {class: 'form-grid'},
            field('Name', text('name', {maxlength: '128', placeholder: 'Absentee owners, Reno'}), {pointer: '/name', help: 'For people.'}),
            field('Campaign', text('campaign_id', {maxlength: '64', placeholder: 'CA-2026-11', spellcheck: 'false'}), {pointer: '/campaign_id', help: 'Letters, digits, _ and -. Money and exports are counted by it.'}),
            field('Priority', list('priority', PRIORITIES.map((p) => [p, capital(p)])), {pointer: '/priority'}),
            field('Loading', list('process', [['manual', 'When I say so'], ['auto', 'As it is captured']]), {pointer: '/process', help: 'Captured pages become records when they are loaded.'}),
            field('Take', number('take', {placeholder: 'all'}), {pointer: '/take', help: 'Only the first so many records.'}),
            field('Hold above records', number('max_records', {placeholder: 'no limit'}), {pointer: '/max_records', help: 'A search that finds more is held before anything is fetched.'}),
            metered && field(`Hold above cost${currency ? ` (${clip(currency, 8)})` : ''}`, text('max_cost', {inputmode: 'decimal', placeholder: 'no limit'}), {pointer: '/max_cost', help: 'A search that would cost more is held before anything is bought.'}),
            field('Not before', when, {pointer: '/not_before', help: `In your time (${Intl.DateTimeFormat().resolvedOptions().timeZone}).`}),
            members),
        h('details', {class: 'more'}, h('summary', {}, 'More'), h('div', {class: 'form-grid'},
            field('Records of a page', number('batch_size', {placeholder: source.batch_size?.default ? String(source.batch_size.default) : 'as the source says'}), {pointer: '/batch_size', help: source.batch_size?.maximum ? `At most ${source.batch_size.maximum}.` : ''}),
            field('When the same was asked before', list('on_duplicate', [['', 'As the source says'], ...ON_DUPLICATE.map((value) => [value, DUPLICATES[value]])]), {pointer: '/on_duplicate', help: 'The same criteria within 30 days.'}),
            !metered && field('Hold above cost', text('max_cost', {inputmode: 'decimal', placeholder: 'no limit'}), {pointer: '/max_cost'}))));
}

function memberField(name, about, form, changed) {
    const given = form.members[name] ?? '', shown = about.default === undefined || about.default === null ? '' : typeof about.default === 'string' ? about.default : JSON.stringify(about.default);
    const put = (event) => { form.members[name] = event.target.value; changed(); };
    const control = about.type === 'boolean'
        ? select([['', shown ? `As the source says (${shown})` : 'As the source says'], ['true', 'Yes'], ['false', 'No']], {value: given, onchange: put})
        : ['array', 'object'].includes(about.type) ? h('textarea', {rows: '3', class: 'mono', spellcheck: 'false', placeholder: clip(shown, 200), value: given, oninput: put})
        : h('input', {type: 'text', autocomplete: 'off', spellcheck: 'false', placeholder: clip(shown, 200), value: given, inputmode: ['integer', 'number'].includes(about.type) ? 'decimal' : null, oninput: put});
    return field(capital(name), control, {pointer: `/${name}`, help: ['array', 'object'].includes(about.type) ? `JSON: an ${about.type}.` : about.required ? 'Needed.' : ''});
}
