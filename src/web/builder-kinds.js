// SPDX-License-Identifier: Apache-2.0
/* Kinds of criteria: how the values in a job become what an editor shows (a draft), and come back. builder.js is the rest of the builder. No DOM here. */

export const KINDS = ['choice', 'choices', 'text', 'texts', 'address', 'number', 'boolean', 'range', 'date', 'nested', 'json'];

/* --- JSON -------------------------------------------------------------------------------------------------------------------------------------------------- */

export function same(a, b) {
    if (a === b)
        return true;
    if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null || Array.isArray(a) !== Array.isArray(b))
        return false;
    const names = Object.keys(a);
    return names.length === Object.keys(b).length && names.every((name) => Object.hasOwn(b, name) && same(a[name], b[name]));
}

/* Where a text stops being JSON: {at, what}. Engines tell it in words of their own, or not at all. */
function jsonFault(text) {
    const token = /[\s\n]*(?:([{}[\],:])|("(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*")|(-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.])|true(?!\w)|false(?!\w)|null(?!\w)))/y;
    const open = []; /* 'o' in an object, 'a' in a list */
    let wanted = 'value'; /* value, value or end, name, name or end, colon, comma or end, nothing */
    for (;;) {
        const from = token.lastIndex, match = token.exec(text);
        const at = from + /^\s*/.exec(text.slice(from, from + 65536))[0].length;
        if (!match) {
            if (at >= text.length)
                return wanted === 'nothing' ? null : {at, what: 'the end comes too early'};
            const begin = text.slice(at, at + 12).replace(/[\r\n].*/s, '');
            return {at, what: begin[0] === '"' ? 'this text has no end, or a sign that has to be escaped' : `"${begin}" is no JSON`};
        }
        const [, sign, string] = match, is = (...words) => words.includes(wanted);
        const after = () => { wanted = open.length ? 'comma or end' : 'nothing'; };
        if (sign === '{' && is('value', 'value or end')) {
            open.push('o');
            wanted = 'name or end';
        } else if (sign === '[' && is('value', 'value or end')) {
            open.push('a');
            wanted = 'value or end';
        } else if (sign === '}' && open.at(-1) === 'o' && is('name or end', 'comma or end') || sign === ']' && open.at(-1) === 'a' && is('value or end', 'comma or end')) {
            open.pop();
            after();
        } else if (sign === ',' && is('comma or end') && open.length)
            wanted = open.at(-1) === 'o' ? 'name' : 'value';
        else if (sign === ':' && is('colon'))
            wanted = 'value';
        else if (string !== undefined && is('name', 'name or end'))
            wanted = 'colon';
        else if (sign === undefined && is('value', 'value or end'))
            after();
        else
            return {at, what: {nothing: 'the JSON is at its end here', colon: 'a colon is missing', name: 'a name in quotes is missing', 'name or end': 'a name in quotes is missing', 'comma or end': 'a comma is missing'}[wanted] ?? 'a value is missing'};
    }
}

/* {value}, or {problem, at} with line and column. */
export function parseJson(text) {
    try {
        return {value: JSON.parse(text)};
    } catch (error) {
        const found = jsonFault(text);
        if (!found)
            return {problem: String(error.message)};
        const before = text.slice(0, found.at).split('\n');
        return {problem: `line ${before.length}, column ${before.at(-1).length + 1}: ${found.what}`, at: found.at};
    }
}

/* --- dates ------------------------------------------------------------------------------------------------------------------------------------------------- */
/* In editors 2026-01-31; in the source's words as its builder says: "M/D/YYYY", "MM/DD/YYYY" or "YYYY-MM-DD". */

export const DATE_FORMS = {
    'M/D/YYYY': {read: /^(\d{1,2})\/(\d{1,2})\/(\d{4})$/, order: [3, 1, 2], write: (y, m, d) => `${m}/${d}/${y}`},
    'MM/DD/YYYY': {read: /^(\d{2})\/(\d{2})\/(\d{4})$/, order: [3, 1, 2], write: (y, m, d) => `${pad(m)}/${pad(d)}/${y}`},
    'YYYY-MM-DD': {read: /^(\d{4})-(\d{2})-(\d{2})$/, order: [1, 2, 3], write: (y, m, d) => `${y}-${pad(m)}-${pad(d)}`},
};

export function pad(number) {
    return String(number).padStart(2, '0');
}

function isDay(year, month, day) {
    const date = new Date(Date.UTC(year, month - 1, day));
    return date.getUTCFullYear() === year && date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
}

export function dateToIso(text, form = 'M/D/YYYY') {
    const match = DATE_FORMS[form]?.read.exec(text.trim());
    if (!match)
        return '';
    const [year, month, day] = DATE_FORMS[form].order.map((group) => Number(match[group]));
    return isDay(year, month, day) ? `${String(year).padStart(4, '0')}-${pad(month)}-${pad(day)}` : '';
}

export function dateFromIso(iso, form = 'M/D/YYYY') {
    const match = /^(\d{4})-(\d{2})-(\d{2})$/.exec(iso);
    return match && isDay(Number(match[1]), Number(match[2]), Number(match[3])) ? DATE_FORMS[form].write(Number(match[1]), Number(match[2]), Number(match[3])) : '';
}

/* "from: 1/31/2026 to: 2/28/2026", either end open; one day; or words such as "Last 30 Days". */
function dateParse(builder, text) {
    const form = builder.dates?.format || 'M/D/YYYY';
    const range = /^from:\s*(.*?)\s*to:\s*(.*)$/i.exec(text);
    if (range) {
        const [from, to] = [dateToIso(range[1], form), dateToIso(range[2], form)];
        return (range[1] && !from) || (range[2] && !to) ? null : {from, to};
    }
    const on = dateToIso(text, form);
    return on ? {on} : {words: text};
}

function dateMake(builder, item) {
    const form = builder.dates?.format || 'M/D/YYYY';
    if (item.words !== undefined)
        return item.words.trim() ? {value: item.words.trim()} : null;
    if (item.on !== undefined)
        return item.on ? (dateFromIso(item.on, form) ? {value: dateFromIso(item.on, form)} : {problem: `"${item.on}" is no date`}) : null;
    const [from, to] = [item.from ? dateFromIso(item.from, form) : '', item.to ? dateFromIso(item.to, form) : ''];
    if ((item.from && !from) || (item.to && !to))
        return {problem: 'this is no date'};
    if (!from && !to)
        return null;
    if (item.from && item.to && item.from > item.to)
        return {problem: 'the first day is after the last one'};
    return {value: ['from:', from, 'to:', to].filter(Boolean).join(' ')};
}

/* --- kinds ------------------------------------------------------------------------------------------------------------------------------------------------- */
/* blank(def): the draft of a new criterion. parse(def, list, builder): the draft of the values, or null. make(def, draft, builder): {values} or {problem}, {empty: true}
 * as long as nothing is said. show(def, draft): for its badge. Each works on the list form, where a value is always a list. */

function isScalar(value) {
    return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
}

function toNumber(text) {
    const plain = String(text).trim().replace(/(?<=\d),(?=\d{3}(\D|$))/g, '');
    return /^-?(\d+\.?\d*|\.\d+)$/.test(plain) ? Number(plain) : NaN;
}

export function optionsOf(builder, def) {
    const list = typeof def.values === 'string' ? builder.lists?.[def.values] : def.values;
    return (Array.isArray(list) ? list : []).map((item) => (Array.isArray(item) ? {value: item[0], label: String(item[1] ?? item[0])} : {value: item, label: String(item)}));
}

export function labelOf(builder, def, value) {
    return optionsOf(builder, def).find((option) => String(option.value) === String(value))?.label ?? builder.seen?.get(`${def.name} ${value}`) ?? String(value);
}

function checkText(def, text) {
    if (def.pattern && !new RegExp(`^(?:${def.pattern})$`, 'u').test(text))
        return def.pattern_help || `"${text}" does not look right`;
    return '';
}

function numberProblem(def, number, text) {
    if (!Number.isFinite(number))
        return `"${text}" is no number`;
    if (def.integer && !Number.isInteger(number))
        return `${text} is no whole number`;
    if (def.min !== undefined && number < def.min)
        return `${text} is less than ${def.min}`;
    if (def.max !== undefined && number > def.max)
        return `${text} is more than ${def.max}`;
    return '';
}

const listKind = {
    blank: () => ({items: []}),
    parse: (def, list) => (list.every(isScalar) ? {items: [...list]} : null),
    make(def, draft) {
        if (draft.items.length === 0)
            return {empty: true};
        for (const item of draft.items) {
            const problem = typeof item === 'string' ? checkText(def, item) : '';
            if (problem)
                return {problem};
        }
        return {values: [...draft.items]};
    },
    show: (builder, def, draft) => shorten(draft.items.map((item) => labelOf(builder, def, item))),
};

const oneKind = {...listKind, parse: (def, list) => (list.length <= 1 ? listKind.parse(def, list) : null)};

export const kinds = {
    choices: listKind,
    texts: listKind,
    address: listKind,
    choice: oneKind,
    text: oneKind,
    number: {
        blank: () => ({text: ''}),
        parse: (def, list) => (list.length <= 1 && list.every((value) => typeof value === 'number') ? {text: list.length ? String(list[0]) : ''} : null),
        make(def, draft) {
            if (!draft.text.trim())
                return {empty: true};
            const number = toNumber(draft.text), problem = numberProblem(def, number, draft.text);
            return problem ? {problem} : {values: [number]};
        },
        show: (builder, def, draft) => withUnit(def, draft.text),
    },
    boolean: {
        blank: () => ({on: null}),
        parse(def, list, builder) {
            const [yes, no] = booleans(def, builder);
            return list.length > 1 || (list.length === 1 && list[0] !== yes && list[0] !== no) ? null : {on: list.length ? list[0] === yes : null};
        },
        make: (def, draft, builder) => (draft.on === null ? {empty: true} : {values: [booleans(def, builder)[draft.on ? 0 : 1]]}),
        show: (builder, def, draft) => (draft.on ? def.yes || 'yes' : def.no || 'no'),
    },
    range: {
        blank: () => ({ranges: [['', '']]}),
        parse(def, list) {
            const good = (end) => end === null || (typeof end === 'number' && Number.isFinite(end));
            return list.every((range) => Array.isArray(range) && range.length === 2 && range.every(good))
                ? {ranges: list.length ? list.map((range) => range.map((end) => (end === null ? '' : String(end)))) : [['', '']]}
                : null;
        },
        make(def, draft) {
            const values = [];
            for (const [low, high] of draft.ranges) {
                const ends = [low, high].map((text) => (text.trim() ? toNumber(text) : null));
                for (const [i, text] of [low, high].entries()) {
                    const problem = ends[i] === null ? '' : numberProblem(def, ends[i], text);
                    if (problem)
                        return {problem};
                }
                if (ends[0] !== null && ends[1] !== null && ends[0] > ends[1])
                    return {problem: `the least (${low}) is more than the most (${high})`};
                if (ends[0] !== null || ends[1] !== null)
                    values.push(ends);
            }
            return values.length ? {values} : {empty: true};
        },
        show: (builder, def, draft) => shorten(draft.ranges.filter(([low, high]) => low || high).map(([low, high]) => showRange(def, low, high))),
    },
    date: {
        blank: () => ({dates: [{from: '', to: ''}]}),
        parse(def, list, builder) {
            const dates = list.map((text) => (typeof text === 'string' ? dateParse(builder, text) : null));
            return dates.some((date) => !date) ? null : {dates: dates.length ? dates : [{from: '', to: ''}]};
        },
        make(def, draft, builder) {
            const values = [];
            for (const item of draft.dates) {
                const made = dateMake(builder, item);
                if (made?.problem)
                    return made;
                if (made)
                    values.push(made.value);
            }
            return values.length ? {values} : {empty: true};
        },
        show: (builder, def, draft) => shorten(draft.dates.map(showDate).filter(Boolean)),
    },
    nested: {
        blank: (def) => ({parts: (def.parts || []).map((part) => ({name: part.name, items: []}))}),
        parse(def, list) {
            const known = (def.parts || []).map((part) => part.name);
            const good = list.every((part) => part && typeof part === 'object' && Object.keys(part).length === 2 && known.includes(part.name) && Array.isArray(part.value) &&
                part.value.every(isScalar));
            if (!good)
                return null;
            const parts = list.map((part) => ({name: part.name, items: [...part.value]}));
            return {parts: [...parts, ...known.filter((name) => !parts.some((part) => part.name === name)).map((name) => ({name, items: []}))]};
        },
        make(def, draft) {
            const values = draft.parts.filter((part) => part.items.length).map((part) => ({name: part.name, value: [...part.items]}));
            return values.length ? {values} : {empty: true};
        },
        show: (builder, def, draft) =>
            shorten(draft.parts.flatMap((part) => part.items.map((item) => labelOf(builder, def.parts.find((other) => other.name === part.name) || {}, item)))),
    },
    json: {
        blank: () => ({text: ''}),
        make(def, draft) {
            if (!draft.text.trim())
                return {empty: true};
            const parsed = parseJson(draft.text);
            return parsed.problem ? {problem: parsed.problem} : {whole: parsed.value};
        },
        show: (builder, def, draft) => shorten([draft.text.replace(/\s+/g, ' ').trim()]),
    },
};

function booleans(def, builder) {
    return def.is || (builder.form === 'list' || !builder.form ? [1, 0] : [true, false]);
}

function shorten(texts) {
    const [few, more] = [texts.slice(0, 3), texts.length - 3];
    const text = few.join(', ') + (more > 0 ? ` +${more}` : '');
    return text.length > 80 ? `${text.slice(0, 79)}…` : text;
}

function withUnit(def, text) {
    const number = toNumber(text);
    const shown = Number.isFinite(number) && !def.plain ? number.toLocaleString('en-US', {maximumFractionDigits: 6}) : text;
    return def.unit === '$' ? `$${shown}` : def.unit === '%' ? `${shown}%` : def.unit ? `${shown} ${def.unit}` : shown;
}

function showRange(def, low, high) {
    if (low && high)
        return toNumber(low) === toNumber(high) ? withUnit(def, low) : `${withUnit(def, low)} – ${withUnit(def, high)}`;
    return low ? `≥ ${withUnit(def, low)}` : `≤ ${withUnit(def, high)}`;
}

function showDate(item) {
    if (item.words !== undefined)
        return item.words;
    if (item.on !== undefined)
        return item.on;
    return item.from && item.to ? `${item.from} – ${item.to}` : item.from ? `since ${item.from}` : item.to ? `until ${item.to}` : '';
}

