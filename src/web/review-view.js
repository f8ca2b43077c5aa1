// SPDX-License-Identifier: Apache-2.0
/* How fields, rows and words of reviewers look (page-review.js). An item is {key, name or list and row, open, said}; about is {acts (false: read only), original(page), hasOriginal}. */
import {h, icon, button} from './dom.js';
import {Ago, Text, clip} from './format.js';
import {Badge} from './words.js';

const STATUS = {not_found: ['Not found', 'wait'], conflict: ['Contradicts itself', 'bad'], 'n/a': ['Not applicable', 'neutral']};
const NONE = 'nothing';
/* Numbers and dates as they are: what is compared with a deed is not to be changed by the reader's locale. */
export const shownValue = (value) => value === null || value === undefined || value === '' ? NONE : Array.isArray(value) ? value.map(String).join('; ') : value === true ? 'yes' : value === false ? 'no' : String(value);
const Value = (value, unit = null) => value === null || value === undefined || value === '' ? h('span', {class: 'muted'}, NONE) : h('span', {class: 'value'}, Text(shownValue(value), 4000), unit && h('span', {class: 'muted'}, ' ', Text(unit, 40)));

function PageLink(item, about) {
    return item.page === null || item.page === undefined ? null : about.hasOriginal
        ? h('a', {href: about.original(item.page), target: '_blank', rel: 'noopener', 'aria-label': `Page ${item.page} of the document`}, `Page ${item.page}`) : h('span', {}, `Page ${item.page}`);
}
/* The words of the document prove what the analysis read there, not what a person put in its place: they stand with what it was. */
const Was = (item, about) => h('div', {class: 'was small muted'}, 'the analysis has ', h('del', {}, item.status === 'conflict' && item.candidates?.length ? item.candidates.map((one, at) => [at > 0 && ' or ', Value(one.value, one.unit)]) : Value(item.value, item.unit)),
    (item.quote || item.page) && Evidence(item, about));
function Evidence(item, about) {
    const verified = item.quote_verified;
    return h('div', {class: 'evidence small'}, PageLink(item, about), item.quote && h('q', {}, Text(item.quote, 2000)),
        verified === true ? h('span', {class: 'tone-ok'}, icon('check'), 'quote found there') : verified === false ? h('span', {class: 'tone-bad'}, icon('alert'), 'quote not found in the text') : null,
        !item.quote && (item.page === null || item.page === undefined) && h('span', {class: 'muted'}, 'no page, no quote'));
}

const DECIDED = {confirmed: ['Confirmed', 'ok'], corrected: ['Corrected', 'info'], removed: ['Removed', 'neutral'], added: ['Added', 'info']};
const By = (word) => h('span', {class: 'muted small'}, 'by ', Text(word.reviewer, 60), ' ', Ago(word.at));
const Decision = (word, decision = word.decision) => [Badge(...DECIDED[decision] ?? [decision, 'neutral']), By(word)];
const Note = (word) => word?.note && h('p', {class: 'small note'}, Text(word.note, 2000));
const Why = (open) => open && h('span', {class: 'badge', dataset: {tone: 'warn'}}, 'Needs review', h('span', {class: 'hidden'}, `: ${open}`));

const act = (label, name, props) => button(label, {class: 'small', 'aria-label': `${label} ${name}`, title: label, ...props});
function Acts(item, name, about, {correct = true, more = []} = {}) {
    if (!about.acts)
        return null;
    return h('div', {class: 'row acts-row'}, (!item.said || item.said.decision === undefined) && act('Confirm', name, {icon: 'check', onclick: (event) => about.acts.confirm(item, event.currentTarget)}),
        correct && act(item.list ? 'Edit' : 'Correct', name, {icon: 'edit', onclick: () => about.acts.edit(item)}), more, item.said && act('Undo', name, {icon: 'refresh', onclick: (event) => about.acts.undoOf(item, event.currentTarget)}));
}
const itemProps = (item, kind) => ({class: `item ${kind}`, tabindex: '-1', dataset: {key: item.key, open: String(Boolean(item.open))}});

function Field(item, about) {
    const {field, said} = item, corrected = said?.decision === 'corrected', [word, tone] = STATUS[field.status] ?? [];
    const candidates = field.status === 'conflict' && !said && Array.isArray(field.candidates) ? field.candidates : [];
    return h('li', {...itemProps(item, 'field-item'), 'aria-label': field.title}, h('div', {class: 'item-head'}, h('h3', {}, Text(field.title, 120)), Why(field.open), !said && word && Badge(word, tone), said && Decision(said), field.superseded && Badge('superseded', 'neutral')),
        corrected ? [h('p', {}, Value(said.value, said.unit ?? field.unit)), Was(field, about)] : field.status === 'conflict' ? null : h('p', {}, Value(field.value, field.unit)), Note(said),
        candidates.length > 0 && h('ul', {class: 'candidates'}, candidates.map((one) => h('li', {}, h('p', {}, Value(one.value, one.unit)), Evidence(one, about),
            about.acts && act('Take this', `for ${field.title}: ${clip(shownValue(one.value), 60)}`, {onclick: () => about.acts.edit(item, one)})))),
        field.open && !word && h('p', {class: 'small tone-warn'}, Text(field.open, 200)), !corrected && field.status !== 'not_found' && field.status !== 'conflict' && Evidence(field, about),
        !corrected && field.also?.length > 0 && h('ul', {class: 'candidates', 'aria-label': `${field.title} elsewhere`}, field.also.map((one) => h('li', {}, h('p', {}, h('span', {class: 'muted small'}, 'also '), Value(one.value, one.unit)), Evidence(one, about)))), Acts(item, field.title, about));
}
export function fieldCard(title, items, about) {
    const open = items.filter((item) => item.open).length;
    return h('section', {class: 'card', 'aria-label': title}, h('header', {}, h('h2', {class: 'grow'}, title), open > 0 && Badge(`${open} open`, 'warn')), h('ul', {class: 'items'}, items.map((item) => Field(item, about))));
}

/* A check, or what is the matter with the document. */
export function noteItem(item, about) {
    const {note} = item, failed = note.result === 'failed';
    return h('li', {...itemProps(item, 'field-item'), 'aria-label': note.title}, h('div', {class: 'item-head'}, h('h3', {}, note.check && 'Check: ', Text(note.title, 120)), note.check && Badge(failed ? 'Failed' : note.result === 'ok' ? 'OK' : 'Not possible', failed ? 'bad' : note.result === 'ok' ? 'ok' : 'neutral'), Why(note.open), note.review && Decision(note.review)),
        h('p', {}, Text(note.check ? note.text ?? '' : note.value ? shownValue(note.value) : note.open ?? '', 1000), note.was !== undefined && h('span', {class: 'muted small'}, ' Before the review: ', Text(note.was, 400))), Note(note.review),
        (!note.check || failed || note.review) && Acts(item, note.title, about, {correct: false}));
}

/* ---- rows ---- */

const cellOf = (row, cell) => {
    const word = row.review?.cells?.[cell.name];
    return [Value(row[cell.name]), word?.decision === 'corrected' && h('div', {class: 'small muted'}, h('span', {class: 'hidden'}, 'the analysis has '), h('del', {}, shownValue(word.was)), ' ', By(word)), word?.decision === 'confirmed' && h('div', {class: 'small muted'}, icon('check'), By(word))];
};
const rowName = (title, list, item) => `${title}, ${clip(list.cells.slice(0, 2).map((cell) => shownValue(item.row[cell.name])).join(', '), 80)}`;
function Row(title, list, item, about) {
    const {row} = item, said = row.review, removed = row.holds === 'removed', name = rowName(title, list, item);
    const old = said?.decision !== 'added' && Object.values(said?.cells ?? {}).some((word) => word.decision === 'corrected');
    return h('tr', {...itemProps(item, removed ? 'gone' : ''), 'aria-label': name}, list.cells.map((cell, at) => h('td', {class: `${cell.type === 'number' ? 'num' : cell.type} ${at === 0 ? 'main' : ''}`, dataset: {label: cell.title}}, cellOf(row, cell))),
        h('td', {class: 'full', dataset: {label: 'Where'}}, old && h('span', {class: 'small muted'}, 'of what the analysis has'), Evidence(row, about)),
        h('td', {class: 'full', dataset: {label: 'Review'}}, (row.open || row.holds === 'superseded' || said?.decision) && h('div', {class: 'row'}, Why(row.open), row.holds === 'superseded' && Badge('superseded', 'neutral'), said?.decision && Decision(said)), row.open && h('p', {class: 'small tone-warn'}, Text(row.open, 200)), Note(said)),
        about.acts && h('td', {class: 'end'}, removed ? act('Undo', name, {icon: 'refresh', onclick: (event) => about.acts.undoOf(item, event.currentTarget)})
            : Acts(item, name, about, {more: said?.decision === 'added' ? [] : [act('Remove', name, {icon: 'trash', onclick: (event) => about.acts.remove(item, event.currentTarget)})]})));
}
export function rowsCard(title, name, list, items, about) {
    const open = items.filter((item) => item.open).length;
    for (const item of items)
        item.removed = item.row.holds === 'removed';
    return h('section', {class: 'card', 'aria-label': title}, h('header', {}, h('h2', {class: 'grow'}, title), open > 0 && Badge(`${open} open`, 'warn'), about.acts && act('Add a row', `to ${title}`, {icon: 'plus', onclick: () => about.acts.add(name)})),
        items.length ? h('div', {}, h('div', {class: 'table-wrap'}, h('table', {class: 'table cards rows-table', 'aria-label': title}, h('thead', {}, h('tr', {}, [...list.cells.map((cell) => cell.title), 'Where', 'Review'].map((label) => h('th', {scope: 'col'}, label)), about.acts && h('th', {scope: 'col'}, h('span', {class: 'hidden'}, 'Acts')))),
            h('tbody', {}, items.map((item) => Row(title, list, item, about)))))) : h('p', {class: 'empty small'}, 'The analysis has none.'));
}

/* ---- who said what ---- */

const SAID = {confirmed: 'confirmed', corrected: 'corrected', removed: 'removed', added: 'added', withdrawn: 'took back what was said of'};
const words = (name) => name.replaceAll('_', ' ');
function Said(one, about) {
    const row = one.row && about.rows?.[one.list]?.rows.find((r) => r.row === one.row), what = one.field ? words(one.field) : `${one.cell ? `${words(one.cell)} of ` : ''}a row of ${one.list}`;
    return h('li', {}, h('strong', {}, Text(one.reviewer ?? '', 60)), ` ${SAID[one.decision] ?? one.decision} ${clip(what, 120)}`, row && h('span', {class: 'muted'}, ` (${clip(about.rows[one.list].cells.slice(0, 2).map((c) => shownValue(row[c.name])).join(', '), 80)})`),
        one.value !== undefined && [': ', h('strong', {}, Text(shownValue(one.value), 300)), one.unit && ` ${clip(one.unit, 40)}`], one.note && h('span', {class: 'muted'}, ' – ', Text(one.note, 300)), ' ', h('span', {class: 'muted small'}, Ago(one.at)));
}
export const History = (shown) => h('section', {class: 'card', 'aria-label': 'Who said what'}, h('header', {}, h('h2', {class: 'grow'}, 'Who said what')),
    shown.history.length ? h('ol', {class: 'line-list said'}, shown.history.map((one) => Said(one, shown))) : h('p', {class: 'empty small'}, 'Nobody has said anything of this document yet.'));
