// SPDX-License-Identifier: Apache-2.0
/* A list of the API as a table: one page of it at a time, however long it is.
 *
 *   const list = createList(page, {
 *       label: 'Jobs', path: '/api/batch-jobs', member: 'jobs', key: 'job_id',
 *       columns: [{id: 'name', label: 'Job', cell: (row) => node or text, sort: 'name', class: 'num', main: true}],
 *       query: () => ({filter: ...}),         beside limit, cursor and sort
 *       sort: '-created_at',                  at first; null: the list cannot be sorted
 *       href: (row) => '/jobs/...',           where Enter and a click lead; or open: (row) => ...
 *       select: true, onselect: () => ...,    checkboxes; list.selected is a Map of key to row
 *       empty: () => node, class: 'thirds' (three fields in a line of a card),
 *       onload: (answer) => ... })
 *   root.append(list.element); list.load();
 *   list.reload()       quietly: rows stay where they are, focus and selection too
 *   list.refreshSoon()  the same, but not more often than every 2 s
 *   list.merge(row)     a row from the live stream; false: it is not on this page
 *   list.restart()      the query has changed: first page
 *
 * Page and sort are in the address (`sort`, `cursor`, `page`). Keys: j k Enter x. Where it has less than 740 pixels a row is a card. */
import {h, fill, calm, icon, button} from './dom.js';
import {num, clip} from './format.js';
import {isAbort} from './api.js';

const QUIET_MS = 2000;
const MERGE_MS = 150;
const AGAIN_MS = 3000;

/* A column without a label is that of the buttons. */
const head = (c) => h('th', {scope: 'col', class: c.class ?? ''}, c.label || h('span', {class: 'hidden'}, 'Acts'));

/* A plain table of what is there already. */
export function simpleTable({label, columns, rows, empty = 'Nothing here.', rowProps = () => ({}), class: kind = ''}) {
    if (!rows.length)
        return h('p', {class: 'empty small'}, empty);
    return h('div', {class: 'table-wrap'}, h('table', {class: `table ${kind}`, 'aria-label': label},
        h('thead', {}, h('tr', {}, columns.map((c) => head(c)))),
        h('tbody', {}, rows.map((row) => h('tr', rowProps(row), columns.map((c) => h('td', {class: `${c.class ?? ''} ${c.main ? 'main' : ''}`, dataset: {label: c.label}}, c.cell(row))))))));
}

export function emptyState(title, text = '', ...actions) {
    return h('div', {class: 'empty'}, h('h2', {}, title), text && h('p', {}, text), actions.length > 0 && h('div', {class: 'row center'}, actions));
}
export function errorState(error, again, ...actions) {
    const asked = error.status === 400 || error.status === 422; /* the same question gets the same answer */
    return h('div', {class: 'empty', role: 'alert'}, h('h2', {}, asked ? 'This is not understood' : error.status === 403 ? 'Not for your role' : 'This could not be loaded'), h('p', {}, clip(error.message, 400)), h('div', {class: 'row center'}, again && !asked && button('Try again', {icon: 'refresh', onclick: again}), actions));
}
export const skeleton = (lines = 6) => h('div', {class: 'skeletons', 'aria-busy': 'true', 'aria-label': 'Loading'}, Array.from({length: lines}, () => h('div', {class: 'skeleton'})));

export function createList(page, options) {
    const {label, path, member, key, columns, query = () => ({}), href, open, select = false, onselect = () => {}, empty, onload = () => {}, limit = 50} = options;
    const selected = new Map();
    let drawn = new Map(), rows = [], total = 0, next = null, loaded = false, abort = null, timer = 0, merging = 0, lastLoad = 0, current = null;
    const before = []; /* cursors of the pages before this one */
    const sortOf = () => page.query.get('sort') ?? options.sort;
    const pageOf = () => Math.max(1, Number(page.query.get('page')) || 1);

    const all = select && h('input', {type: 'checkbox', 'aria-label': 'Select all on this page', onchange: () => { for (const row of rows) mark(row, all.checked); told(); }});
    const heads = columns.map((c) => c.sort && options.sort
        ? h('th', {scope: 'col', class: c.class ?? ''}, h('button', {type: 'button', class: 'sort', onclick: () => sortBy(c.sort)}, c.label, h('span', {class: 'arrow'})))
        : head(c));
    const body = h('tbody');
    const table = h('table', {class: `table cards ${options.class ?? ''}`, 'aria-label': label}, h('thead', {}, h('tr', {}, select && h('th', {class: 'tick'}, all), heads)), body);
    const about = h('span', {class: 'muted', 'aria-live': 'polite'});
    const back = button('Previous page', {icon: 'left', class: 'small', hideLabel: true, onclick: () => go(-1)});
    const forth = button('Next page', {icon: 'right', class: 'small', hideLabel: true, onclick: () => go(1)});
    const foot = h('div', {class: 'pager', hidden: true}, about, h('span', {class: 'grow'}), back, forth);
    const message = h('div');
    const element = h('div', {class: 'list'}, h('div', {class: 'table-wrap'}, table), message, foot);

    function mark(row, on) {
        if (on)
            selected.set(row[key], row);
        else
            selected.delete(row[key]);
        const tr = rowOf(row[key]);
        if (tr) {
            tr.querySelector('input[type=checkbox]').checked = on;
            tr.classList.toggle('selected', on);
        }
    }
    function told() {
        if (all) {
            const count = rows.filter((row) => selected.has(row[key])).length;
            all.checked = rows.length > 0 && count === rows.length;
            all.indeterminate = count > 0 && count < rows.length;
        }
        onselect();
    }
    const rowOf = (id) => [...body.children].find((tr) => tr.dataset.key === String(id));
    const go2 = (row) => open ? open(row) : href && page.navigate(href(row));

    function make(row) {
        const id = row[key];
        const tick = select && h('td', {class: 'tick'}, h('input', {type: 'checkbox', checked: selected.has(id), 'aria-label': `Select ${row.name || id}`, onchange: (event) => { mark(row, event.target.checked); told(); }}));
        return h('tr', {dataset: {key: id}, tabindex: '-1', class: selected.has(id) ? 'selected' : '', onfocus: () => { current = id; },
            onclick: (event) => { if ((href || open) && !event.target.closest('a, button, input, label, select') && !String(getSelection())) go2(row); }},
        tick, columns.map((c) => {
            const content = c.cell(row);
            return h('td', {class: `${c.class ?? ''} ${c.main ? 'main' : ''}`, dataset: {label: c.label}}, c.main && href ? h('a', {href: href(row)}, content) : content);
        }));
    }
    /* Keyed: a row that says the same stays as it is (somebody may be selecting its text); what has the focus keeps it when its row is drawn anew. */
    function rowFor(row) {
        const text = JSON.stringify(row), old = drawn.get(row[key]);
        const tr = old?.text === text ? old.tr : make(row);
        if (select)
            tr.querySelector('input').checked = selected.has(row[key]);
        tr.classList.toggle('selected', selected.has(row[key]));
        return [row[key], {text, tr}];
    }
    function drawRows() {
        drawn = new Map(rows.map(rowFor));
        const wanted = [...drawn.values()].map(({tr}) => tr);
        if (wanted.length !== body.children.length || wanted.some((tr, at) => tr !== body.children[at]))
            body.replaceChildren(...wanted);
    }
    const draw = () => calm(body, drawNow);
    function drawNow() {
        const focused = document.activeElement?.closest?.('tr');
        const focusKey = body.contains(focused) ? focused.dataset.key : null;
        const inner = focusKey !== null && document.activeElement !== focused ? [...focused.querySelectorAll('a, button, input')].indexOf(document.activeElement) : -1;
        drawRows();
        body.classList.toggle('open', Boolean(href || open));
        if (focusKey !== null) {
            const tr = rowOf(focusKey);
            const target = inner >= 0 ? tr?.querySelectorAll('a, button, input')[inner] ?? tr : tr;
            if (target !== document.activeElement)
                target?.focus({preventScroll: true});
        }
        for (const [at, c] of columns.entries()) {
            const sort = sortOf();
            if (c.sort && options.sort)
                heads[at].setAttribute('aria-sort', sort === c.sort ? 'ascending' : sort === `-${c.sort}` ? 'descending' : 'none');
        }
        const first = (pageOf() - 1) * limit + 1;
        about.textContent = !loaded ? '' : total === 0 ? '' : `${num(first)}–${num(first + rows.length - 1)}${total === null ? '' : ` of ${num(total)}`}`;
        back.disabled = pageOf() === 1;
        forth.disabled = !next;
        foot.hidden = !rows.length && pageOf() === 1;
        table.hidden = loaded && !rows.length;
        told();
    }

    async function load({quiet = false} = {}) {
        abort?.abort();
        clearTimeout(timer);
        timer = 0;
        lastLoad = Date.now();
        const mine = abort = new AbortController();
        const end = () => mine.abort();
        page.signal.addEventListener('abort', end, {once: true});
        if (!quiet) {
            element.setAttribute('aria-busy', 'true');
            if (!loaded)
                fill(message, skeleton(8));
        }
        try {
            const answer = await page.api.get(path, {query: {limit, cursor: page.query.get('cursor'), sort: options.sort ? sortOf() : null, ...query()}, signal: mine.signal});
            rows = answer[member] ?? [];
            total = answer.total === undefined ? rows.length : answer.total; /* null: nobody counts them */
            next = answer.next_cursor ?? null;
            loaded = true;
            lastLoad = Date.now();
            for (const row of rows)
                if (selected.has(row[key]))
                    selected.set(row[key], row);
            fill(message, !rows.length && (empty ? empty() : emptyState('Nothing here')));
            element.classList.remove('old');
            draw();
            onload(answer);
        } catch (error) {
            if (isAbort(error))
                return;
            const asked = error.status === 400 || error.status === 422;
            if (!quiet || !loaded || asked) {
                fill(message, errorState(error, asked ? null : () => load(), asked && page.query.size > 0 && button('Start over', {onclick: () => page.navigate(location.pathname)})));
                foot.hidden = table.hidden = !loaded || asked;
            }
            if (error.status === 0 || error.status === 503) /* it comes back */
                timer ||= setTimeout(() => load({quiet: loaded}), (error.retryAfter ?? 0) * 1000 || AGAIN_MS);
            element.classList.add('old');
        } finally {
            page.signal.removeEventListener('abort', end);
            if (abort === mine)
                element.removeAttribute('aria-busy');
        }
    }
    function go(by) {
        const at = pageOf();
        if (by > 0 && next) {
            before[at] = page.query.get('cursor');
            page.setQuery({cursor: next, page: at + 1}, {push: true});
        } else if (by < 0 && at > 1) {
            /* Where the page before began is known unless the address was a link into the middle: then to the first. */
            const known = at === 2 ? null : before[at - 1];
            page.setQuery(known === undefined ? {cursor: null, page: null} : {cursor: known, page: at === 2 ? null : at - 1}, {push: true});
        } else
            return;
        scrollTo({top: 0});
        load();
    }
    function sortBy(name) {
        const sort = sortOf() === `-${name}` ? name : `-${name}`;
        page.setQuery({sort: sort === options.sort ? null : sort, cursor: null, page: null});
        load();
    }
    function step(by) {
        const list = [...body.children];
        const at = list.findIndex((tr) => tr.dataset.key === String(current));
        const tr = list[Math.max(0, Math.min(list.length - 1, at < 0 ? 0 : at + by))];
        tr?.focus();
        tr?.scrollIntoView({block: 'nearest'});
    }
    const currentRow = () => rows.find((row) => String(row[key]) === document.activeElement?.closest?.('tr')?.dataset.key);
    page.keys({
        j: {help: 'Next row', run: () => step(1)},
        k: {help: 'Previous row', run: () => step(-1)},
        Enter: (href || open) && {help: 'Open the row', when: (event) => event.target.matches('tr'), run: () => { const row = currentRow(); if (row) go2(row); }},
        x: select && {help: 'Select the row', run: () => { const row = currentRow(); if (row) { mark(row, !selected.has(row[key])); told(); } }},
        n: {help: 'Next page', run: () => go(1)},
        p: {help: 'Previous page', run: () => go(-1)},
    });
    page.signal.addEventListener('abort', () => { clearTimeout(timer); clearTimeout(merging); });

    const list = {
        element, selected, load,
        get rows() { return rows; },
        get total() { return total; },
        get loaded() { return loaded; },
        reload: () => load({quiet: true}),
        refreshSoon() {
            timer ||= setTimeout(() => load({quiet: true}), Math.max(0, lastLoad + QUIET_MS - Date.now()));
        },
        merge(row) {
            const at = rows.findIndex((other) => other[key] === row[key]);
            if (at < 0)
                return false;
            rows[at] = {...rows[at], ...row};
            merging ||= setTimeout(() => { merging = 0; draw(); }, MERGE_MS);
            return true;
        },
        restart() {
            page.setQuery({cursor: null, page: null});
            return load();
        },
        clear() {
            for (const row of [...selected.values()])
                mark(row, false);
            told();
        },
    };
    return list;
}
