// SPDX-License-Identifier: Apache-2.0
/* Editors of criteria, one a kind. editor(context, entry) gives an element that changes entry.draft and then calls context.changed(entry).
 *   context {builder, changed(entry), suggest(field, text, signal) -> [{label, value}] or null (there are none), fill({name: [value]})}
 * Each draws itself anew when its list of parts changes; none touches another criterion, but `address`, which fills those that its definition names. */
import {h, add, fill, button, icon, uniqueId} from './dom.js';
import {clip, num} from './format.js';
import {select} from './form.js';
import {defOf, labelOf, optionsOf, parseJson} from './builder.js';

const LISTED_MOST = 10; /* choices that are shown all at once; more get a filter */

export function editor(context, entry) {
    const def = defOf(context.builder, entry.name) ?? {name: entry.name, title: entry.name, kind: 'json'};
    const changed = () => context.changed(entry);
    const make = editors[entry.kind];
    return h('div', {class: 'editor', dataset: {kind: entry.kind}}, make({...context, changed, label: def.title}, def, entry.draft), def.help && entry.kind !== 'json' && h('p', {class: 'help'}, def.help));
}

const CHIPS_MOST = 100; /* a list of thousands of ZIP codes is pasted, not read */
function chips(items, show, remove, clear = null) {
    return items.length > 0 && h('ul', {class: 'chips'}, items.slice(0, CHIPS_MOST).map((item, at) =>
        h('li', {class: 'chip'}, h('bdi', {}, clip(show(item), 60)), h('button', {type: 'button', 'aria-label': `Remove ${clip(show(item), 60)}`, onclick: () => remove(at)}, icon('close')))),
        items.length > CHIPS_MOST && h('li', {class: 'muted small'}, `and ${num(items.length - CHIPS_MOST)} more`),
        clear && items.length > 4 && h('li', {}, button('Remove all', {icon: 'trash', class: 'ghost small', onclick: clear})));
}

/* An input with suggestions below it (the ARIA combobox pattern). ask(text, signal) -> list or null; without suggestions it is a plain field. */
function suggestInput(input, ask, pick) {
    const id = uniqueId('suggest');
    const list = h('ul', {class: 'suggestions', role: 'listbox', id, 'aria-label': 'Suggestions', hidden: true});
    const note = h('p', {class: 'help', role: 'status'});
    let timer = 0, abort = null, found = [], at = -1, gone = false;
    for (const [name, value] of Object.entries({role: 'combobox', 'aria-autocomplete': 'list', 'aria-expanded': 'false', 'aria-controls': id, autocomplete: 'off'}))
        input.setAttribute(name, value);
    function close() {
        clearTimeout(timer);
        abort?.abort();
        list.hidden = true;
        input.setAttribute('aria-expanded', 'false');
        input.removeAttribute('aria-activedescendant');
        at = -1;
    }
    function mark(next) {
        at = (next + found.length) % found.length;
        for (const [i, item] of [...list.children].entries())
            item.setAttribute('aria-selected', String(i === at));
        list.children[at]?.scrollIntoView({block: 'nearest'});
        input.setAttribute('aria-activedescendant', `${id}-${at}`);
    }
    function take(i) {
        const item = found[i];
        close();
        pick(item);
    }
    async function look() {
        const text = input.value.trim();
        abort?.abort();
        if (text.length < 2 || gone)
            return close();
        abort = new AbortController();
        try {
            const answer = await ask(text, abort.signal);
            if (answer === null) {
                gone = true;
                note.textContent = 'There are no suggestions now: write it in full.';
                return close();
            }
            found = answer.slice(0, 20);
        } catch {
            return;
        }
        if (!found.length || document.activeElement !== input)
            return close();
        fill(list, found.map((item, i) => h('li', {role: 'option', id: `${id}-${i}`, 'aria-selected': 'false', onpointerdown: (event) => { event.preventDefault(); take(i); }}, h('bdi', {}, clip(item.label, 120)))));
        list.hidden = false;
        input.setAttribute('aria-expanded', 'true');
    }
    input.addEventListener('input', () => { clearTimeout(timer); timer = setTimeout(look, 250); });
    input.addEventListener('blur', close);
    input.addEventListener('keydown', (event) => {
        if (list.hidden)
            return;
        const acts = {ArrowDown: () => mark(at + 1), ArrowUp: () => mark(at < 0 ? -1 : at - 1), Escape: close, Enter: at >= 0 ? () => take(at) : null};
        if (acts[event.key]) {
            event.preventDefault();
            event.stopImmediatePropagation();
            acts[event.key]();
        }
    }, true); /* before what the field itself does at Enter */
    return h('div', {class: 'suggest'}, input, list, note);
}

/* ---- texts ---- */

function typed(def, text) {
    return def.number && /^-?(0|[1-9]\d{0,14})$/.test(text) ? Number(text) : text;
}

/* Codes with blanks between are several, when each of them is one. */
function splitText(def, text) {
    const parts = text.split(/[\s;]+/);
    return def.pattern && parts.length > 1 && parts.every((part) => new RegExp(`^(?:${def.pattern})$`, 'u').test(part)) ? parts : [text];
}

/* A field that takes one text after the other: Enter, a comma, leaving it, or a paste of several lines. */
function tokens(context, def, items, label = def.title) {
    const root = h('div', {class: 'tokens'});
    const put = (texts) => {
        const known = new Set(items.map(String));
        for (const text of texts.flatMap((t) => splitText(def, t.trim())).filter(Boolean))
            if (!known.has(text)) {
                known.add(text);
                items.push(typed(def, text));
            }
        draw(true);
        context.changed();
    };
    function draw(focus = false) {
        const input = h('input', {type: 'text', class: 'input', 'aria-label': items.length ? `Another value of ${label}` : label, placeholder: items.length ? 'Another…' : def.placeholder ?? '', spellcheck: 'false',
            onkeydown: (event) => {
                if (event.key === 'Enter' || (event.key === ',' && def.kind !== 'address')) {
                    event.preventDefault();
                    put([input.value]);
                } else if (event.key === 'Backspace' && !input.value && items.length) {
                    items.pop();
                    draw(true);
                    context.changed();
                }
            },
            onpaste: (event) => {
                const texts = (event.clipboardData?.getData('text') ?? '').split(/[\n\r\t]+|,(?!\s)/);
                if (texts.length > 1) {
                    event.preventDefault();
                    put(texts);
                }
            },
            onblur: () => { if (input.value.trim() && root.contains(input)) put([input.value]); }});
        const shown = def.suggest && def.kind !== 'address' ? suggestInput(input, (text, signal) => context.suggest(def.suggest, text, signal), (item) => take(item)) : input;
        const take = (item) => {
            input.value = '';
            (context.builder.seen ??= new Map()).set(`${def.name} ${item.value}`, item.label);
            put([String(item.value ?? item.label)]);
        };
        fill(root, chips(items, (item) => labelOf(context.builder, def, item), (at) => { items.splice(at, 1); draw(true); context.changed(); }, () => { items.length = 0; draw(true); context.changed(); }), shown);
        if (focus)
            input.focus();
    }
    draw();
    return root;
}

function textEditor(context, def, draft) {
    const input = h('input', {type: 'text', class: 'input', 'aria-label': context.label, placeholder: def.placeholder ?? '', value: draft.items.length ? String(draft.items[0]) : '',
        oninput: () => { draft.items = input.value.trim() ? [typed(def, input.value.trim())] : []; context.changed(); }});
    return def.suggest ? suggestInput(input, (text, signal) => context.suggest(def.suggest, text, signal), (item) => { input.value = item.value ?? item.label; draft.items = [typed(def, input.value)]; context.changed(); }) : input;
}

/* ---- choices ---- */

function choicesEditor(context, def, draft, label = context.label) {
    const items = draft.items, options = optionsOf(context.builder, def), known = new Set(options.map((option) => String(option.value)));
    const has = (option) => items.some((item) => String(item) === String(option.value));
    const root = h('div', {class: 'choices-editor'}), top = h('div'), bottom = h('div');
    const set = (option, on) => {
        const at = items.findIndex((item) => String(item) === String(option.value));
        if (on && at < 0)
            items.push(option.value);
        else if (!on && at >= 0)
            items.splice(at, 1);
        drawTop();
        context.changed();
    };
    const boxes = options.map((option) => ({option, element: h('label', {class: 'check'}, h('input', {type: 'checkbox', checked: has(option), onchange: (event) => set(option, event.target.checked)}), h('span', {}, option.label))}));
    function drawTop() {
        const shown = options.length > LISTED_MOST ? items : items.filter((item) => !known.has(String(item)));
        fill(top, chips(shown, (item) => labelOf(context.builder, def, item), (at) => {
            const item = shown[at];
            items.splice(items.indexOf(item), 1);
            for (const box of boxes)
                if (String(box.option.value) === String(item))
                    box.element.firstChild.checked = false;
            drawTop();
            context.changed();
        }));
    }
    const list = h('div', {class: options.length > LISTED_MOST ? 'check-list scroll' : 'check-list', role: 'group', 'aria-label': label, tabindex: options.length > LISTED_MOST ? '0' : null}, boxes.map((box) => box.element));
    const filter = options.length > LISTED_MOST && h('input', {type: 'search', class: 'input', placeholder: `Find in ${options.length}…`, 'aria-label': `Find in ${label}`, oninput: () => {
        const wanted = filter.value.trim().toLowerCase();
        for (const box of boxes)
            box.element.hidden = wanted !== '' && !`${box.option.label} ${box.option.value}`.toLowerCase().includes(wanted);
    }, onkeydown: (event) => {
        const first = boxes.find((box) => !box.element.hidden);
        if (event.key === 'Enter') {
            event.preventDefault();
            if (first && filter.value.trim())
                first.element.firstChild.click();
            filter.value = '';
            for (const box of boxes)
                box.element.hidden = false;
        }
    }});
    if (def.other || !options.length)
        add(bottom, tokensOther(context, def, items, options.length ? `Another value of ${label}` : label, () => drawTop()));
    drawTop();
    return add(root, top, filter, options.length > 0 && list, bottom);
}

/* Values beside those that are listed. */
function tokensOther(context, def, items, label, drawn) {
    const put = () => {
        const text = input.value.trim();
        if (!text)
            return;
        input.value = '';
        if (!items.some((item) => String(item) === text))
            items.push(typed(def, text));
        drawn();
        context.changed();
    };
    const input = h('input', {type: 'text', class: 'input', 'aria-label': label, placeholder: optionsOf(context.builder, def).length ? 'Another value' : def.placeholder ?? '', onblur: put, onkeydown: (event) => {
        if (event.key === 'Enter') {
            event.preventDefault();
            put();
        }
    }});
    return h('div', {class: 'other'}, input);
}

function choiceEditor(context, def, draft) {
    const options = optionsOf(context.builder, def), given = draft.items[0];
    const unlisted = given !== undefined && !options.some((option) => String(option.value) === String(given));
    const list = select([['', 'Choose…'], ...options.map((option, at) => [String(at), option.label]), ...(unlisted ? [['given', clip(given, 60)]] : [])], {'aria-label': context.label, onchange: () => {
        draft.items = list.value === '' ? [] : list.value === 'given' ? [given] : [options[Number(list.value)].value];
        context.changed();
    }, value: given === undefined ? '' : unlisted ? 'given' : String(options.findIndex((option) => String(option.value) === String(given)))});
    const other = def.other && h('input', {type: 'text', class: 'input', placeholder: 'Another value', 'aria-label': `Another value of ${context.label}`, oninput: () => {
        list.value = '';
        draft.items = other.value.trim() ? [typed(def, other.value.trim())] : [];
        context.changed();
    }});
    return [list, other];
}

function booleanEditor(context, def, draft) {
    const name = uniqueId('bool');
    const one = (on, label) => h('label', {class: 'check'}, h('input', {type: 'radio', name, checked: draft.on === on, onchange: () => { draft.on = on; context.changed(); }}), h('span', {}, label));
    return h('div', {class: 'row options', role: 'radiogroup', 'aria-label': context.label}, one(true, def.yes ?? 'Yes'), one(false, def.no ?? 'No'));
}

/* ---- numbers and dates ---- */

function unitOf(def) {
    return def.unit && h('span', {class: 'unit', 'aria-hidden': 'true'}, def.unit);
}

function numberInput(def, label, value, oninput, placeholder = def.placeholder ?? '') {
    const input = h('input', {type: 'text', inputmode: def.integer ? 'numeric' : 'decimal', class: 'input number', autocomplete: 'off', 'aria-label': `${label}${def.unit ? ` in ${def.unit}` : ''}`, placeholder, value, oninput: () => oninput(input.value)});
    return def.unit === '$' ? h('span', {class: 'with-unit'}, unitOf(def), input) : h('span', {class: 'with-unit'}, input, unitOf(def));
}

function numberEditor(context, def, draft) {
    return numberInput(def, context.label, draft.text, (text) => { draft.text = text; context.changed(); });
}

/* Rows that can be added and removed: ranges, dates. */
function rowsEditor(context, rows, blank, makeRow, more) {
    const root = h('div', {class: 'rows'});
    function draw(focusLast = false) {
        fill(root, rows.map((row, at) => h('div', {class: 'row editor-row'}, makeRow(row, at, () => draw()),
            rows.length > 1 && button('Remove this line', {icon: 'close', class: 'ghost small', hideLabel: true, onclick: () => { rows.splice(at, 1); draw(); context.changed(); root.querySelector('input, select')?.focus(); }}))),
        button(more, {icon: 'plus', class: 'ghost small', onclick: () => { rows.push(blank()); draw(true); context.changed(); }}));
        if (focusLast)
            [...root.querySelectorAll('.editor-row')].at(-1)?.querySelector('input, select')?.focus();
    }
    draw();
    return root;
}

/* What an open beginning means with some sources; said when it is open. */
function unknownHint(def, text, isOpen) {
    const element = def.unknown && h('p', {class: 'help'}, text);
    const look = () => { if (element) element.hidden = !isOpen(); };
    look();
    return {element, look};
}

function rangeEditor(context, def, draft) {
    const hint = unknownHint(def, 'Without a least value, records whose value is not known are found too.', () => draft.ranges.some(([low, high]) => !low.trim() && high.trim()));
    const told = {...context, changed() { hint.look(); context.changed(); }};
    return [rowsEditor(told, draft.ranges, () => ['', ''], (row) => [
        numberInput(def, `${context.label}, least`, row[0], (text) => { row[0] = text; told.changed(); }, 'any'),
        h('span', {class: 'muted'}, 'to'),
        numberInput(def, `${context.label}, most`, row[1], (text) => { row[1] = text; told.changed(); }, 'any'),
    ], 'Or another range'), hint.element];
}

function dateEditor(given, def, draft) {
    const hint = unknownHint(def, 'Without a first day, records whose date is not known are found too.', () => draft.dates.some((item) => item.from === '' && item.to));
    const context = {...given, changed() { hint.look(); given.changed(); }};
    const words = optionsOf(context.builder, {values: def.relative});
    const modeOf = (item) => (item.words !== undefined ? 'words' : item.on !== undefined ? 'on' : 'range');
    const modes = [['range', 'Between'], ['on', 'On one day'], ...(words.length ? [['words', 'In words']] : [])];
    const day = (label, value, put) => { const input = h('input', {type: 'date', class: 'input', 'aria-label': `${context.label}, ${label}`, min: '1600-01-01', max: '2999-12-31', value: value ?? '', onchange: () => { put(input.value); context.changed(); }}); return input; };
    const row = (item, at, draw) => {
        const mode = modeOf(item);
        const unlisted = mode === 'words' && item.words && !words.some((word) => word.value === item.words);
        return [select(modes.some(([value]) => value === mode) ? modes : [...modes, ['words', 'In words']], {'aria-label': `How ${context.label} is meant`, value: mode, onchange: (event) => {
            for (const name of Object.keys(item))
                delete item[name];
            Object.assign(item, event.target.value === 'range' ? {from: '', to: ''} : event.target.value === 'on' ? {on: ''} : {words: ''});
            draw();
            context.changed();
        }}),
        mode === 'range' && [day('first day', item.from, (value) => { item.from = value; }), h('span', {class: 'muted'}, 'to'), day('last day', item.to, (value) => { item.to = value; })],
        mode === 'on' && day('day', item.on, (value) => { item.on = value; }),
        mode === 'words' && select([['', 'Choose…'], ...words.map((word) => [word.value, word.label]), ...(unlisted ? [[item.words, clip(item.words, 60)]] : [])], {'aria-label': context.label, value: item.words, onchange: (event) => { item.words = event.target.value; context.changed(); }})];
    };
    return [rowsEditor(context, draft.dates, () => ({from: '', to: ''}), row, 'Or another time'), hint.element];
}

/* ---- the others ---- */

function nestedEditor(context, def, draft) {
    return draft.parts.map((part) => {
        const about = def.parts.find((other) => other.name === part.name) ?? {name: part.name};
        return h('fieldset', {class: 'part'}, h('legend', {}, about.title ?? part.name), choicesEditor(context, about, part, about.title ?? part.name));
    });
}

/* One search for an address, or its parts by hand; it fills several criteria. */
function addressEditor(context, def, draft) {
    const fills = def.fills ?? {}, parts = {};
    const stateDef = fills.state && defOf(context.builder, fills.state);
    const input = (name, label, props = {}) => (parts[name] = h('input', {type: 'text', class: 'input', 'aria-label': label, placeholder: label, autocomplete: 'off', ...props}));
    const search = def.suggest && h('input', {type: 'text', class: 'input', 'aria-label': 'Find an address', placeholder: 'Find an address…'});
    const put = () => {
        const values = {};
        for (const [part, name] of Object.entries(fills)) {
            const text = parts[part]?.value.trim();
            if (text && name !== def.name)
                values[name] = [text];
        }
        const street = parts.street?.value.trim();
        if (street && !draft.items.includes(street))
            draft.items.push(street);
        context.fill(values);
        for (const part of Object.values(parts))
            part.value = '';
        draw();
        context.changed();
        parts.street.focus();
    };
    const use = button('Use this address', {icon: 'plus', class: 'small', onclick: put});
    const byHand = h('div', {class: 'address-parts', onkeydown: (event) => { if (event.key === 'Enter' && event.target.matches('input')) { event.preventDefault(); put(); } }},
        input('street', def.placeholder ? `Street, such as ${def.placeholder}` : 'Street'),
        fills.city && input('city', 'City'),
        fills.state && (parts.state = stateDef && optionsOf(context.builder, stateDef).length
            ? select([['', 'State'], ...optionsOf(context.builder, stateDef).map((option) => [option.value, option.label])], {'aria-label': 'State'})
            : h('input', {type: 'text', class: 'input', 'aria-label': 'State', placeholder: 'State'})),
        fills.zip && input('zip', 'ZIP code', {inputmode: 'numeric'}), use);
    const list = h('div');
    const draw = () => fill(list, chips(draft.items, String, (at) => { draft.items.splice(at, 1); draw(); context.changed(); }));
    draw();
    return [list, search && suggestInput(search, (text, signal) => context.suggest(def.suggest, text, signal), (item) => {
        search.value = '';
        const parts = Array.isArray(item.value) ? item.value.filter((c) => typeof c?.name === 'string') : [];
        const values = Object.fromEntries(parts.map((c) => [c.name, c.value]));
        const own = values[def.name] ?? (parts.length ? [] : [item.value ?? item.label]);
        delete values[def.name];
        for (const text of Array.isArray(own) ? own : [own])
            if (!draft.items.includes(text))
                draft.items.push(text);
        context.fill(values);
        draw();
        context.changed();
    }), byHand];
}

function jsonEditor(context, def, draft) {
    const id = uniqueId('json');
    const wrong = h('p', {class: 'error', id});
    const area = h('textarea', {class: 'input mono', rows: String(Math.min(12, Math.max(2, draft.text.split('\n').length))), spellcheck: 'false', 'aria-label': `${context.label}: value as JSON`, 'aria-describedby': id, value: draft.text, oninput: () => {
        draft.text = area.value;
        wrong.textContent = area.value.trim() ? parseJson(area.value).problem ?? '' : '';
        context.changed();
    }});
    return [area, wrong];
}

const editors = {choice: choiceEditor, choices: choicesEditor, text: textEditor, texts: (context, def, draft) => tokens(context, def, draft.items), address: addressEditor, number: numberEditor,
    boolean: booleanEditor, range: rangeEditor, date: dateEditor, nested: nestedEditor, json: jsonEditor};
