// SPDX-License-Identifier: Apache-2.0
/* The review of a job's analyses: what needs a look first, each document with its fields and rows, who said what. A word of a reviewer carries the number of the word that it lies
 * over (`over`), so that nobody overwrites what another said meanwhile: the server answers 409, which is told here, and what was said is shown. */
import {h, fill, icon, button} from './dom.js';
import {ApiError, isAbort, job as jobPath} from './api.js';
import {busy, confirm} from './dialog.js';
import {emptyState, errorState, skeleton} from './table.js';
import {Text, clip, plural} from './format.js';
import {Badge} from './words.js';
import {styles} from './assets.js';
import {History, fieldCard, noteItem, rowsCard} from './review-view.js';
import {editField, editRow} from './review-edit.js';

const LOOK_AGAIN_MS = 10000;
const MADE_WITHIN_MS = 120000;
const GROUPS = ['Parties', 'Premises', 'Term', 'Rent', 'Service charge and insurance', 'Use and dealings', 'Default and law', 'Other'];

export async function render(root, params, page) {
    await styles('/pages.css');
    const id = params.id, may = page.can('operator');
    const reviewPath = jobPath(id, 'review');
    let overview = null, shown = null, loading = null;
    const head = h('div', {class: 'page-head'}), state = h('div', {role: 'status'}), needs = h('div'), tabs = h('div'), body = h('div', {class: 'stack'}, skeleton());
    fill(root, head, state, needs, tabs, body);

    /* ---- reading ---- */

    const sha = () => overview.documents.find((d) => d.sha256 === page.query.get('document'))?.sha256 ?? overview.needs.find((need) => need.document)?.document ?? overview.documents[0]?.sha256;
    async function load() {
        const focused = document.activeElement?.closest?.('.item')?.dataset.key, name = document.activeElement?.getAttribute('aria-label') ?? null;
        overview = await page.api.get(`${reviewPath}/documents`, {signal: page.signal});
        const wanted = sha();
        shown = wanted ? await page.api.get(`${reviewPath}/documents/${wanted}`, {signal: page.signal}) : null;
        draw();
        if (focused && !document.querySelector('dialog[open]'))
            focusItem(focused, name);
    }
    /* Reads again after a word, and when another reviewer said one; never twice at a time. */
    const again = () => loading ??= load().catch((error) => { if (!isAbort(error)) fill(body, errorState(error, again)); }).finally(() => { loading = null; });

    /* ---- saying ---- */

    /* False: it was refused, and that is told. */
    async function say(change, from, told) {
        try {
            const sent = page.api.put(reviewPath, change, {signal: page.signal});
            await (from ? busy(from, sent) : sent);
            page.toast(told, {key: 'review'});
            await again();
            return true;
        } catch (error) {
            if (isAbort(error))
                return false;
            if (error.status === 409 || error.status === 412) {
                await again();
                page.toast('Not saved', {tone: 'warn', text: error.message, key: 'review'});
            } else
                page.toastError(error, 'Not saved');
            return false;
        }
    }
    const document_ = () => shown.document.sha256;
    const onField = (name, word) => ({fields: {[document_()]: {[name]: word}}});
    const onRow = (list, row, word) => ({rows: {[document_()]: {[list]: {[row]: word}}}});
    const acts = may && {
        confirm: (item, from) => say(item.list ? onRow(item.list, item.row.row, {decision: 'confirmed', over: item.over}) : onField(item.name, {decision: 'confirmed', over: item.over}), from, 'Confirmed'),
        undo: (item, from) => say(item.list ? onRow(item.list, item.row.row, null) : onField(item.name, null), from, 'Taken back'),
        async undoOf(item, from) { /* what another said is taken back only by who was asked */
            const other = item.others.filter((name) => name !== page.user.name);
            if (other.length && !await confirm({title: `Take back what ${other[0]} said?`, text: 'It stays in the history.', ok: 'Take it back', danger: true}))
                return;
            try {
                const sent = page.api.put(reviewPath, item.list ? onRow(item.list, item.row.row, null) : onField(item.name, null), {signal: page.signal, headers: {'If-Match': `"${shown.revision}"`}});
                await (from ? busy(from, sent) : sent);
                page.toast('Taken back', {key: 'review'});
                await again();
            } catch (error) {
                if (isAbort(error))
                    return;
                await again();
                page.toast('Not taken back', {tone: 'warn', text: error.message, key: 'review'});
            }
        },
        async remove(item, from) {
            if (await confirm({title: 'Remove this row?', text: 'It is left out of dates, rent and checks. The analysis keeps it, and reports show that it was removed and by whom.', ok: 'Remove the row', danger: true}))
                await say(onRow(item.list, item.row.row, {decision: 'removed', over: item.over}), from, 'Removed');
        },
        edit(item, value) {
            const over = () => current(item.key)?.over ?? 0;
            if (item.list)
                editRow({page, list: shown.rows[item.list], name: item.list, row: item.row, pages: shown.document.pages, pointer: `/rows/${document_()}/${item.list}/${item.row.row}`, save: (word) => put(onRow(item.list, item.row.row, {...word, over: over()}), 'Corrected')});
            else
                editField({page, field: item.field, value, pointer: `/fields/${document_()}/${item.name}`, save: (word) => put(onField(item.name, {...word, over: over()}), 'Corrected')});
        },
        add(list) {
            const row = `a${crypto.randomUUID().replaceAll('-', '').slice(0, 12)}`; /* the same when it is sent twice */
            editRow({page, list: shown.rows[list], name: list, row: null, pages: shown.document.pages, pointer: `/rows/${document_()}/${list}/${row}`, save: (word) => put(onRow(list, row, {...word, over: 0}), 'Added')});
        },
    };
    /* For dialogs, which show what was wrong; after a conflict the next try lies over what was said. */
    async function put(change, told) {
        try {
            await page.api.put(reviewPath, change, {signal: page.signal});
        } catch (error) {
            if (error.status === 409)
                await again();
            throw error;
        }
        page.toast(told, {key: 'review'});
        await again();
    }

    /* ---- drawing ---- */

    let items = new Map();
    const current = (key) => items.get(key);
    const known = (item) => { items.set(item.key, item); return item; };
    const fieldItem = (name, field) => known({key: `field:${name}`, name, field, open: field.open, said: field.review, over: field.review?.seq ?? 0, others: field.review ? [field.review.reviewer] : []});
    function rowItem(list, row) {
        const cells = Object.values(row.review?.cells ?? {});
        return known({key: `row:${list}/${row.row}`, list, row, open: row.open, said: row.review, over: Math.max(0, row.review?.seq ?? 0, ...cells.map((c) => c.seq)), others: [row.review?.reviewer, ...cells.map((c) => c.reviewer)].filter(Boolean)});
    }
    const noteKey = (note) => known({key: `field:${note.field}`, name: note.field, note, open: note.open, said: note.review, over: note.review?.seq ?? 0, others: note.review ? [note.review.reviewer] : []});
    const original = (at) => `${jobPath(id, 'documents')}/${shown.document.sha256}${at ? `#page=${at}` : ''}`;
    const hasOriginal = () => Boolean(overview.documents.find((d) => d.sha256 === shown.document.sha256)?.media_type);

    function drawHead() {
        const done = button('The review is done', {icon: 'check', class: 'primary', onclick: () => say({reviewed: true}, done, 'The review is done')});
        const reopen = button('Open it again', {onclick: () => say({reviewed: false}, reopen, 'Open again')});
        const reports = button('Make the reports anew', {icon: 'file', onclick: () => makeReports(reports)});
        fill(head, h('h1', {class: 'grow'}, 'Review'), h('a', {class: 'btn', href: `/jobs/${encodeURIComponent(id)}`}, icon('left'), 'The job'), may && overview.documents.length > 0 && reports,
            may && overview.open === 0 && !overview.reviewed && overview.documents.length > 0 && done, may && overview.reviewed && reopen);
        fill(state, overview.documents.length > 0 && h('div', {class: 'banner', dataset: {tone: overview.reviewed ? 'ok' : 'warn'}}, icon(overview.reviewed ? 'check' : 'edit'), h('div', {},
            h('strong', {}, overview.reviewed ? 'Reviewed' : overview.open ? `Draft: ${plural(overview.open, 'thing')} to review` : overview.declared === 'reopened' ? 'Draft: opened again' : 'Draft: nobody has looked at it'),
            h('p', {}, overview.reviewed ? 'Reports that are made now are no drafts.' : 'Reports say "draft" until all that needs review is decided.', !may && ' You may look at it; an operator reviews.'))));
    }
    function drawNeeds() {
        const list = overview.needs.slice(0, 50);
        fill(needs, list.length > 0 && h('section', {class: 'card', 'aria-label': 'What needs review'}, h('header', {}, h('h2', {class: 'grow'}, 'What needs review first'), h('span', {class: 'muted small'}, plural(overview.open, 'thing'))),
            h('ol', {class: 'line-list needs'}, list.map((need) => h('li', {}, icon(need.kind === 'check' || need.kind === 'note' ? 'alert' : need.kind === 'row' ? 'queue' : 'edit'),
                need.document ? h('button', {type: 'button', class: 'link', onclick: () => jump(need)}, needTitle(need)) : h('span', {}, needTitle(need)), h('span', {class: 'grow muted'}, Text(need.why, 200)), overview.documents.length > 1 && h('span', {class: 'muted small'}, Text(need.name ?? need.lease, 60)))),
            overview.needs.length > list.length && h('li', {class: 'muted'}, `and ${plural(overview.open - list.length, 'more', 'more')}`))));
    }
    const words = (name) => (name[0].toUpperCase() + name.slice(1)).replaceAll('_', ' ');
    const needTitle = (need) => need.kind === 'row' ? `${words(need.list)}: a row` : clip(words(need.field), 80);
    const keyOf = (need) => need.kind === 'row' ? `row:${need.list}/${need.row}` : `field:${need.field}`;
    async function jump(need) {
        if (need.document !== document_())
            await choose(need.document);
        focusItem(keyOf(need));
    }
    async function choose(sha256) {
        page.setQuery({document: sha256});
        await again();
    }
    function drawTabs() {
        fill(tabs, overview.documents.length > 1 && h('nav', {class: 'documents', 'aria-label': 'Documents of the job'}, overview.documents.map((d) => h('button', {type: 'button', class: 'btn', 'aria-pressed': String(d.sha256 === shown?.document.sha256), onclick: () => choose(d.sha256)},
            icon('doc'), h('span', {class: 'cut'}, Text(d.name, 60)), d.error ? Badge('not analysed', 'bad') : d.open ? Badge(`${d.open} open`, 'warn') : d.words ? Badge('decided', 'ok') : Badge('nothing open', 'neutral')))));
    }
    function drawBody() {
        items = new Map();
        if (!shown)
            return fill(body, emptyState('Nothing to review', 'No document of this job was analysed yet.', h('a', {class: 'btn', href: `/jobs/${encodeURIComponent(id)}`}, 'The job')));
        const d = shown.document, entries = Object.entries(shown.fields), about = {original, hasOriginal: hasOriginal(), acts};
        const notes = [...shown.notes, ...shown.checks.map((check) => ({...check, check: true, value: null, why: check.text}))];
        fill(body, h('section', {class: 'card', 'aria-label': 'The document'}, h('header', {}, h('h2', {class: 'grow'}, Text(d.name ?? d.sha256, 120)), hasOriginal() && h('a', {class: 'btn small', href: original(), target: '_blank', rel: 'noopener'}, icon('doc'), 'Open the document')),
            h('div', {class: 'card-body'}, h('p', {class: 'dots muted'}, [d.type && words(d.type), d.date && `of ${d.date}`, d.pages && plural(d.pages, 'page'), d.text_by && `text by ${d.text_by}`, shown.group && `lease: ${clip(shown.group, 80)}`].filter(Boolean).map((text) => h('span', {}, text)))),
            notes.length > 0 && h('ul', {class: 'items'}, notes.map((note) => noteItem(noteKey(note), about)))),
        GROUPS.map((group) => [group, entries.filter(([, field]) => field.group === group)]).filter(([, fields]) => fields.length).map(([group, fields]) => fieldCard(group, fields.map(([name, field]) => fieldItem(name, field)), about)),
        Object.entries(shown.rows).map(([list, rows]) => rowsCard(list === 'rent' ? 'Periods of rent' : words(list), list, rows, rows.rows.map((row) => rowItem(list, row)), about)),
        History(shown));
    }
    function draw() {
        drawHead();
        drawNeeds();
        drawTabs();
        drawBody();
    }

    /* ---- reports ---- */

    async function makeReports(from) {
        try {
            const asked = await busy(from, page.api.post(jobPath(id, 'results'), {}, {signal: page.signal}));
            page.toast('The reports are being made', {tone: 'info', key: 'reports'});
            for (const end = Date.now() + MADE_WITHIN_MS; Date.now() < end;) {
                await new Promise((resolve) => setTimeout(resolve, 1000));
                const made = await page.api.get(jobPath(asked.job_id), {signal: page.signal});
                if (made.status === 'COMPLETED')
                    return page.toast('The reports are made', {key: 'reports', text: 'Show them', href: `/documents?id=${encodeURIComponent(id)}`});
                if (['FAILED', 'HELD', 'CANCELLED'].includes(made.status))
                    throw new ApiError(0, {detail: made.error_details || 'They could not be made.'});
            }
            throw new ApiError(0, {detail: 'It takes longer: they will be listed at the job.'});
        } catch (error) {
            if (!isAbort(error))
                page.toastError(error, 'The reports');
        }
    }

    /* ---- keys ---- */

    const all = () => [...body.querySelectorAll('.item')];
    const here = () => document.activeElement?.closest?.('.item');
    function focusItem(key, name = null) {
        const element = all().find((item) => item.dataset.key === key);
        const inner = name && [...element?.querySelectorAll('button, a') ?? []].find((control) => control.getAttribute('aria-label') === name);
        (inner || element)?.focus({preventScroll: true});
        element?.scrollIntoView({block: 'nearest'});
    }
    function step(by, wanted = () => true) {
        const list = all(), at = list.indexOf(here());
        for (let i = at < 0 ? (by > 0 ? 0 : list.length - 1) : at + by; i >= 0 && i < list.length; i += by)
            if (wanted(list[i]))
                return focusItem(list[i].dataset.key);
    }
    const onItem = (act) => () => { const item = current(here()?.dataset.key); if (item) act(item); };
    page.keys({
        j: {help: 'Next field or row', run: () => step(1)},
        k: {help: 'Previous field or row', run: () => step(-1)},
        n: {help: 'Next one that needs review', run: () => step(1, (item) => item.dataset.open === 'true')},
        c: may && {help: 'Confirm it', run: onItem((item) => !item.removed && acts.confirm(item))},
        e: may && {help: 'Correct it', run: onItem((item) => !item.note && acts.edit(item))},
        u: may && {help: 'Take back what was said of it', run: onItem((item) => item.said && acts.undoOf(item))},
        x: may && {help: 'Remove the row', run: onItem((item) => item.list && acts.remove(item))},
        o: {help: 'Open the document at its page', run: () => { const link = here()?.querySelector('a[target=_blank]') ?? body.querySelector('a[target=_blank]'); link?.click(); }},
    });

    try {
        await load();
    } catch (error) {
        if (error.status === 409)
            throw new ApiError(404, {detail: error.message});
        throw error;
    }
    page.title('Review');
    page.every(LOOK_AGAIN_MS, async () => {
        if (document.querySelector('dialog[open]'))
            return;
        const now = await page.api.get(reviewPath, {signal: page.signal, headers: {'If-None-Match': `"${overview.revision}"`}}).catch(() => null); /* 304: nothing new */
        if (now && now.revision !== overview.revision && !document.querySelector('dialog[open]')) {
            await again();
            page.toast('The review was changed elsewhere', {tone: 'info', text: 'What you see is as it is now.', key: 'others'});
        }
    });
}
