// SPDX-License-Identifier: Apache-2.0
/* What several pages show of jobs.
 *
 *   amounts(row, {tall})   captured and loaded of a job: two bars, two figures, never one for the other
 *   jobTitle(row)          what a job is called: its name, else its campaign or what its id says, with a part of the id that tells it from others
 *   filterBox({value, onfilter})   the one-box filter: {element, set(text)}
 *   filterValue(text)      a value as the filter's syntax wants it: with quotes when it has blanks */
import {h, icon, fill, uniqueId} from './dom.js';
import {num, percent, plural} from './format.js';

const part = (value, total) => total > 0 ? `${Math.min(100, value / total * 100)}%` : '0%';

function bar(label, value, total, tone, tall) {
    const known = total > 0;
    return h('div', {class: `bar ${tall ? 'tall' : ''}`, role: 'progressbar', 'aria-label': label, 'aria-valuemin': '0', 'aria-valuemax': known ? String(total) : null, 'aria-valuenow': known ? String(Math.min(value, total)) : null, 'aria-valuetext': known ? `${num(value)} of ${num(total)}` : num(value)},
        h('span', {style: {width: part(value, total)}, dataset: {tone}}));
}

/* `full`: with how many there will be. What can be loaded is what was captured. */
function amount(word, value, total, {tone, full, tall, tail}) {
    return h('div', {class: 'amount'}, h('span', {class: 'muted'}, word),
        h('span', {class: 'num figure'}, h('strong', {class: 'live-number'}, num(value)), full && total > 0 && h('span', {class: 'muted'}, ` of ${num(total)}`), tail), bar(word, value, total, tone, tall));
}

export function amounts(row, {tall = false} = {}) {
    const captured = row.processed_records ?? 0, loaded = row.success_count ?? 0, total = row.total_records, failed = row.failed_units ?? 0;
    const errors = Math.max(0, (row.error_count ?? 0) - failed); /* units that failed are errors, too */
    return h('div', {class: `amounts ${tall ? 'tall' : ''}`},
        amount('Captured', captured, total, {tone: 'info', full: true, tall, tail: [tall && total > 0 && h('span', {class: 'muted'}, ` · ${percent(captured, total)}`), tall && failed > 0 && h('span', {class: 'tone-bad'}, ` · ${num(failed)} failed`)]}),
        amount('Loaded', loaded, captured || total, {tone: 'ok', full: tall && captured > 0, tall, tail: errors > 0 && h('span', {class: 'tone-bad'}, ` · ${plural(errors, 'error')}`)}));
}

/* A job without a name has that of its source, or none. */
export function jobTitle({name, source, campaign_id: campaign, job_id: id}) {
    if (name && (name !== source || !id))
        return name;
    const [, sum, slug] = /^\d{8}T\d{6}Z-([0-9a-f]+)-(.+)$/.exec(id ?? '') ?? [];
    return sum ? `${campaign || slug} (${sum.slice(0, 6)})` : campaign || id || '';
}

export const filterValue = (text) => /[\s":]/.test(text) ? `"${text.replaceAll('"', '')}"` : text;

const HINTS = [
    ['status:', 'pending processing completed failed deferred held cancelled'], ['source:', 'name of a source'], ['campaign:', 'id of a campaign'], ['owner:', 'who made it'], ['priority:', 'low normal high urgent'],
    ['reason:', 'max_cost, charge_unknown, coverage …'], ['is:', 'loaded unloaded error auto manual'], ['older:', '30m, 2h, 7d'], ['newer:', '30m, 2h, 7d'],
];
const VALUES = {is: ['loaded', 'unloaded', 'error', 'auto', 'manual'], status: HINTS[0][1].split(' '), priority: HINTS[4][1].split(' '), older: ['1h', '2h', '1d', '7d'], newer: ['1h', '2h', '1d', '7d']};

/* The words are completed while they are written; Enter filters, and so does a pause. */
export function filterBox({value = '', onfilter}) {
    const id = uniqueId('hints');
    const input = h('input', {type: 'search', class: 'input', value, placeholder: 'Filter: words, or status:failed source:propertyradar older:2h', 'aria-label': 'Filter jobs', 'data-filter': true, autocomplete: 'off', spellcheck: 'false', autocapitalize: 'none', maxlength: '500',
        role: 'combobox', 'aria-expanded': 'false', 'aria-controls': id, 'aria-autocomplete': 'list', oninput, onkeydown, onfocus: hints, onblur: () => setTimeout(hide, 150)});
    const list = h('div', {class: 'hints', id, role: 'listbox', hidden: true, 'aria-label': 'Filters'});
    const element = h('div', {class: 'search', role: 'search'}, icon('search'), input, h('kbd', {'aria-hidden': 'true'}, '/'), list);
    let timer = 0, last = value, at = -1;

    function go() {
        clearTimeout(timer);
        if (input.value.trim() !== last) {
            last = input.value.trim();
            onfilter(last);
        }
    }
    const word = () => /\S*$/.exec(input.value.slice(0, input.selectionStart))[0];
    function hide() {
        list.hidden = true;
        at = -1;
        input.setAttribute('aria-expanded', 'false');
        input.removeAttribute('aria-activedescendant');
    }
    function hints() {
        const typed = word().toLowerCase(), [, key, rest] = /^(\w+):(.*)$/.exec(typed) ?? [];
        const options = key ? (VALUES[key] ?? []).filter((v) => v.startsWith(rest) && v !== rest).map((v) => [`${key}:${v}`, '', ' ']) : HINTS.filter(([name]) => name.startsWith(typed)).map(([name, help]) => [name, help, '']);
        if (!options.length || document.activeElement !== input)
            return hide();
        at = -1;
        fill(list, options.map(([text, help, tail], n) => h('div', {role: 'option', id: `${id}-${n}`, 'aria-selected': 'false', onpointerdown: (event) => { event.preventDefault(); take(text + tail); }}, h('code', {}, text), help && h('span', {class: 'muted small'}, help))));
        list.hidden = false;
        input.setAttribute('aria-expanded', 'true');
    }
    function take(text) {
        const end = input.selectionStart, begin = end - word().length;
        input.value = `${input.value.slice(0, begin)}${text}${input.value.slice(end)}`;
        input.setSelectionRange(begin + text.length, begin + text.length);
        if (text.endsWith(' ')) {
            hide();
            go();
        } else
            hints();
    }
    function oninput() {
        hints();
        clearTimeout(timer);
        if (!input.value)
            go();
        else if (!/:\S{0,1}$/.test(word())) /* half a word of the syntax is no filter yet */
            timer = setTimeout(go, 450);
    }
    function onkeydown(event) {
        const options = [...list.children];
        if ((event.key === 'ArrowDown' || event.key === 'ArrowUp') && !list.hidden && options.length) {
            event.preventDefault();
            options[at]?.setAttribute('aria-selected', 'false');
            at = (at + (event.key === 'ArrowDown' ? 1 : at < 0 ? 0 : -1) + options.length) % options.length;
            options[at].setAttribute('aria-selected', 'true');
            input.setAttribute('aria-activedescendant', options[at].id);
        } else if ((event.key === 'Enter' || event.key === 'Tab') && at >= 0 && !list.hidden) {
            event.preventDefault();
            const text = options[at].querySelector('code').textContent;
            take(text + (text.endsWith(':') ? '' : ' '));
        } else if (event.key === 'Enter') {
            hide();
            go();
        } else if (event.key === 'Escape' && !list.hidden) {
            event.stopPropagation();
            hide();
        }
    }
    return {element, set(text) { clearTimeout(timer); last = text; if (document.activeElement !== input || input.value.trim() !== text) input.value = text; }};
}
