// SPDX-License-Identifier: Apache-2.0
/* Payloads by the shelf that they lie on, and loading them: some, or all that wait. */
import {h, fill, icon, button} from './dom.js';
import {num, bytes, milliseconds, Ago, Text, clip, plural} from './format.js';
import {Badge} from './words.js';
import {createList, emptyState} from './table.js';
import {confirm, busy} from './dialog.js';
import {isAbort} from './api.js';
import {showPayload} from './payload.js';

const SHELVES = [
    ['pending', 'Captured', 'info', 'Kept, and waiting for somebody to load them.'], ['ready', 'To be loaded', 'info', 'The daemon loads these by itself.'], ['processing', 'Loading', 'info', 'A loader has these now.'],
    ['processed', 'Loaded', 'ok', 'Their records are in the record store.'], ['failed', 'Not loaded', 'bad', 'Something in them could not be read. Mend the cause, then retry the job.'],
];

const STATUS_OF = {pending: 'pending', ready: 'pending', processing: 'processing', processed: 'completed', failed: 'failed'};
const asked = (shelf) => ({shelf, file_status: STATUS_OF[shelf]});

const fileName = (row) => (row.file_path ?? row.file_id ?? '').split('/').pop();

export async function render(root, params, page) {
    page.title('Files');
    const shelf = () => SHELVES.some(([name]) => name === page.query.get('shelf')) ? page.query.get('shelf') : 'pending';
    const jobId = () => page.query.get('job');
    const tabs = h('nav', {class: 'tabs', 'aria-label': 'Shelves'}), about = h('p', {class: 'muted'}), tools = h('div', {class: 'toolbar'}), outcome = h('div');
    const counts = {};
    let timer = 0, running = false;

    const columns = [
        {label: 'Payload', main: true, cell: (row) => h('div', {class: 'stack tight'}, h('button', {type: 'button', class: 'link', onclick: () => showPayload(page, row.job_id, row)}, Text(fileName(row), 120)), row.error_details && h('span', {class: 'small tone-bad'}, clip(row.error_details, 240)))},
        {label: 'Job', class: 'words', cell: (row) => h('div', {class: 'stack tight'}, h('a', {href: `/jobs/${encodeURIComponent(row.job_id)}`}, Text(row.campaign_id || row.job_id, 40)), h('span', {class: 'muted small'}, `page ${num(row.batch_number)}`))},
        {label: 'Captured', class: 'num', cell: (row) => num(row.records)},
        {label: 'Loaded', class: 'num', cell: (row) => row.processed_at ? h('span', {}, num(row.success_count), row.error_count > 0 && h('span', {class: 'tone-bad'}, ` · ${num(row.error_count)} errors`)) : h('span', {class: 'muted'}, '–')},
        {label: 'Size', class: 'num', cell: (row) => bytes(row.bytes)},
        {label: 'Captured at', class: 'nowrap wide-1', cell: (row) => Ago(row.captured_at ?? row.created_at)},
        {label: 'Loading took', class: 'num wide-2', cell: (row) => row.processed_at ? milliseconds(row.processing_time_ms) : h('span', {class: 'muted'}, '–')},
    ];
    const loadable = () => page.can('operator') && (shelf() === 'pending' || shelf() === 'ready');
    const list = createList(page, {
        label: 'Payloads', class: 'thirds', path: '/api/files', member: 'files', key: 'file_id', columns, sort: null, query: () => ({...asked(shelf()), job: jobId()}),
        open: (row) => showPayload(page, row.job_id, row), select: page.can('operator'), onselect: drawTools, onload: (answer) => { counts[shelf()] = answer.total; drawTabs(); drawTools(); },
        empty: () => ({
            pending: emptyState('Nothing waits to be loaded', 'What jobs capture by hand-loading appears here.'), ready: emptyState('Nothing is about to be loaded'), processing: emptyState('Nothing is being loaded'),
            processed: emptyState('Nothing has been loaded yet'), failed: emptyState('Nothing failed', 'Payloads that cannot be loaded are kept here with the reason.'),
        })[shelf()],
    });

    function drawTabs() {
        fill(tabs, SHELVES.map(([name, label]) => h('a', {href: `/files?shelf=${name}`, 'aria-current': name === shelf() ? 'true' : null, onclick: (event) => { if (!event.ctrlKey && !event.metaKey && !event.shiftKey) { event.preventDefault(); go(name); } }}, label,
            counts[name] > 0 && ['pending', 'ready', 'processing', 'failed'].includes(name) && h('span', {class: 'count live-number'}, num(counts[name])))));
        about.textContent = SHELVES.find(([name]) => name === shelf())[3];
    }
    function go(name) {
        page.setQuery({shelf: name === 'pending' ? null : name, cursor: null, page: null}, {push: true});
        list.clear();
        drawTabs();
        drawTools();
        list.load();
    }
    function drawTools() {
        const count = list?.selected.size ?? 0, total = list?.total ?? 0;
        fill(tools, h('div', {class: 'grow'}, about, jobId() && h('span', {class: 'chip'}, 'Job ', Text(jobId(), 40), h('button', {type: 'button', 'aria-label': 'Show the files of all jobs', onclick: () => { page.setQuery({job: null, cursor: null, page: null}); list.load(); drawTools(); }}, icon('close')))),
            loadable() && list.loaded && total > 0 && [
                count > 0 && button(`Load ${plural(count, 'selected payload')}`, {icon: 'play', class: 'primary', disabled: running, onclick: (event) => run(event.currentTarget, {files: [...list.selected.keys()]})}),
                !jobId() && button(`Load all ${num(total)}`, {icon: 'play', class: count > 0 ? '' : 'primary', disabled: running, onclick: (event) => all(event.currentTarget)})]);
    }
    async function loadCounts() {
        await Promise.all(SHELVES.map(async ([name]) => {
            try {
                counts[name] = (await page.api.get('/api/files', {query: {...asked(name), limit: 1}, signal: page.signal})).total;
            } catch { /* counts are an extra */ }
        }));
        drawTabs();
    }
    async function all(element) {
        if (await confirm({title: `Load all ${plural(counts[shelf()] ?? list.total, 'payload')}?`, text: 'All payloads that wait are loaded now. Loading the same one twice changes nothing, so nothing can go wrong by doing it again.', ok: 'Load all', cancel: 'Not now'}))
            run(element, {all: true});
    }

    /* The run goes on in the server; this only looks at it. */
    async function run(element, body) {
        running = true;
        try {
            const {run_id} = await busy(element, page.api.post('/api/files/process', body, {signal: page.signal}));
            list.clear();
            follow(run_id);
        } catch (error) {
            running = false;
            drawTools();
            page.toastError(error, 'The payloads cannot be loaded');
        }
    }
    async function follow(id) {
        for (;;) {
            let state;
            try {
                state = await page.api.get(`/api/files/process/${encodeURIComponent(id)}`, {signal: page.signal});
            } catch (error) {
                if (isAbort(error))
                    return;
                if (error.status === 404 || error.status === 403) {
                    running = false;
                    fill(outcome, h('div', {class: 'banner', dataset: {tone: 'warn'}}, icon('alert'), h('p', {}, 'What came of the run is not known any more: the server was started anew. The shelves are right.')));
                    return drawTools();
                }
                state = null; /* not connected: again */
            }
            if (state) {
                drawRun(state);
                list.refreshSoon();
                if (state.status === 'COMPLETED') {
                    running = false;
                    loadCounts();
                    drawTools();
                    const bad = state.files.FAILED + state.failed.length;
                    return page.toast(bad ? `${plural(bad, 'payload')} could not be loaded` : 'Loaded', {tone: bad ? 'bad' : 'ok', text: plural(state.success_count, 'record')});
                }
            }
            await new Promise((resolve) => { timer = setTimeout(resolve, 700); });
            if (page.signal.aborted)
                return;
        }
    }
    function drawRun(state) {
        const done = state.status === 'COMPLETED', whole = state.files_count, past = whole - state.files.PENDING - state.files.PROCESSING;
        const stat = (label, value, tone = '') => h('div', {class: 'stat'}, h('span', {class: 'label'}, label), h('span', {class: `value ${tone}`}, value));
        fill(outcome, h('section', {class: 'card', 'aria-label': 'Results of the run'}, h('header', {}, h('h2', {class: 'grow'}, done ? 'Results of the run' : 'Loading …'), done && button('Close', {icon: 'close', class: 'ghost small', hideLabel: true, onclick: () => fill(outcome)})),
            h('div', {class: 'card-body'},
                !done && h('div', {class: 'bar tall', role: 'progressbar', 'aria-label': 'Payloads loaded', 'aria-valuemin': '0', 'aria-valuemax': String(whole), 'aria-valuenow': String(past)}, h('span', {style: {width: whole ? `${past / whole * 100}%` : '100%'}, dataset: {tone: 'ok'}})),
                h('div', {class: 'stats flat'}, stat('Payloads', done ? num(state.files.COMPLETED) : `${num(past)} of ${num(whole)}`), stat('Records', num(state.properties_count)), stat('Loaded', num(state.success_count)), stat('Errors', num(state.error_count), state.error_count > 0 ? 'tone-bad' : ''),
                    stat('Not loaded', num(state.files.FAILED), state.files.FAILED > 0 ? 'tone-bad' : '')),
                state.failed.length > 0 && h('ul', {class: 'names'}, state.failed.slice(0, 50).map((r) => h('li', {}, Badge('Left', 'warn'), Text(r.file_id, 80), h('span', {class: 'muted'}, clip(r.detail, 300))))))));
    }

    root.append(h('div', {class: 'page-head'}, h('h1', {class: 'grow'}, 'Files')), tabs, tools, outcome, list.element);
    drawTabs();
    let soon = 0;
    page.on('file', () => {
        list.refreshSoon();
        soon ||= setTimeout(() => { soon = 0; loadCounts(); }, 3000);
    });
    page.on('resync', () => { list.reload(); loadCounts(); });
    page.on('state', (state) => { if (state === 'live') list.refreshSoon(); });
    page.leave(() => { clearTimeout(timer); clearTimeout(soon); });
    loadCounts();
    await list.load();
}
