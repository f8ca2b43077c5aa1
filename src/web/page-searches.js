// SPDX-License-Identifier: Apache-2.0
/* Saved searches: run again as they are, changed, scheduled, renamed, shared, removed. */
import {h, fill, button, icon} from './dom.js';
import {isAbort} from './api.js';
import {busy, confirm, menuButton, openDialog} from './dialog.js';
import {clearErrors, field, showErrors} from './form.js';
import {emptyState, errorState, simpleTable, skeleton} from './table.js';
import {Ago, Text, shortJson} from './format.js';
import {Badge} from './words.js';
import {jobAgain} from './builder.js';
import {styles} from './assets.js';
import {editSchedule} from './schedule-form.js';

/* What a search asks for, in one line. */
function criteriaText(job) {
    const list = job?.criteria;
    if (Array.isArray(list))
        return list.map((c) => (c && typeof c === 'object' && c.name ? `${c.name}: ${shortJson(c.value, 40)}` : shortJson(c, 40))).join(' · ');
    return list ? shortJson(list) : 'no criteria';
}

export async function render(root, params, page) {
    await styles('/pages.css');
    const act = page.can('operator');
    const filter = h('input', {type: 'search', class: 'input', placeholder: 'Find a search…', 'aria-label': 'Find a search', dataset: {filter: ''}, oninput: () => draw()});
    const body = h('div', {}, skeleton());
    let searches = [];
    fill(root, h('div', {class: 'page-head'}, h('h1', {class: 'grow'}, 'Searches'), act && h('a', {class: 'btn primary', href: '/new'}, icon('plus'), 'New job')), h('div', {class: 'toolbar'}, h('div', {class: 'search'}, icon('search'), filter)), body);

    const url = (search) => `/api/searches/${encodeURIComponent(search.name)}`;
    const isMine = (search) => act && (page.user.role === 'admin' || search.owner === page.user.name);
    const member = (search) => ({name: search.name, source: search.source, shared: search.shared === true, job: search.job});
    async function run(search, from) {
        const job = {...jobAgain(search.job), source: search.source};
        try {
            const sent = await busy(from, page.api.post('/api/batch-jobs', job, {headers: {'Idempotency-Key': crypto.randomUUID()}, signal: page.signal}));
            page.toast('Submitted', {text: search.name, href: `/jobs/${encodeURIComponent(sent.job_id)}`});
        } catch (error) {
            page.toastError(error, `"${search.name}" was not submitted`);
        }
    }
    async function ask(search, from) {
        if (await confirm({title: `Run "${search.name}" again?`, text: 'The job is submitted as it was saved. Its limits hold; without limits it buys all that it finds.', content: [h('p', {class: 'muted small'}, Text(criteriaText(search.job), 300))], ok: 'Submit the job', cancel: 'Not now'}))
            await run(search, from);
    }
    async function rename(search) {
        const name = h('input', {type: 'text', value: search.name, maxlength: '64', spellcheck: 'false'});
        const ok = button('Rename', {class: 'primary', onclick: () => form.requestSubmit()});
        const form = h('form', {class: 'stack', onsubmit: async (event) => {
            event.preventDefault();
            clearErrors(form);
            try {
                await busy(ok, page.api.put(url(search), {...member(search), name: name.value.trim()}, {signal: page.signal}));
                shown.close();
                load();
            } catch (error) {
                if (!isAbort(error))
                    showErrors(form, error.errors?.length ? error : {message: error.message, errors: [{pointer: '/name', detail: error.message}]});
            }
        }}, field('Name', name, {pointer: '/name', help: 'Letters, digits, _ and -.'}));
        const shown = openDialog({title: 'Rename the search', content: [form], actions: [button('Cancel', {onclick: () => shown.close()}), ok]});
        name.select();
    }
    async function share(search) {
        try {
            await page.api.put(url(search), {...member(search), shared: !search.shared}, {signal: page.signal});
            page.toast(search.shared ? 'Now yours alone' : 'Now everybody sees it', {text: search.name});
            load();
        } catch (error) {
            page.toastError(error);
        }
    }
    async function remove(search) {
        if (!await confirm({title: `Remove "${search.name}"?`, text: search.shared ? 'It is shared: it goes for everybody. Jobs stay as they are.' : 'Jobs that were made from it stay as they are.', ok: 'Remove it', danger: true}))
            return;
        try {
            await page.api.del(url(search), {signal: page.signal});
            page.toast('Removed', {text: search.name});
            load();
        } catch (error) {
            page.toastError(error);
        }
    }
    function acts(search) {
        const open = h('a', {class: 'btn small', href: `/new?search=${encodeURIComponent(search.name)}`}, icon('edit'), 'Open');
        const again = button('Run', {icon: 'play', class: 'small', onclick: () => ask(search, again)});
        const more = menuButton(button(`More about ${search.name}`, {icon: 'more', class: 'ghost small', hideLabel: true}), () => [
            {label: 'Schedule…', icon: 'clock', onclick: () => editSchedule(page, {job: {...jobAgain(search.job), source: search.source}, name: search.name})},
            ...(isMine(search) ? [{label: search.shared ? 'Stop sharing' : 'Share with everybody', icon: 'user', onclick: () => share(search)}, {label: 'Rename…', icon: 'edit', onclick: () => rename(search)}, null, {label: 'Remove…', icon: 'trash', danger: true, onclick: () => remove(search)}] : []),
        ]);
        return h('div', {class: 'row end nowrap'}, open, again, more);
    }
    function draw() {
        const wanted = filter.value.trim().toLowerCase();
        const rows = searches.filter((s) => !wanted || `${s.name} ${s.source} ${s.owner} ${s.job?.name ?? ''} ${criteriaText(s.job)}`.toLowerCase().includes(wanted));
        if (!searches.length)
            return fill(body, emptyState('No searches yet', 'Save the criteria of a job under a name, and run them again, changed or on a schedule.', act && h('a', {class: 'btn', href: '/new'}, 'New job')));
        const table = simpleTable({label: 'Saved searches', rows, empty: 'None fits.', columns: [
            {label: 'Search', main: true, cell: (s) => [h('strong', {}, Text(s.name, 80)), s.job?.name && h('div', {class: 'muted small'}, Text(s.job.name, 100)), h('div', {class: 'muted small'}, Text(criteriaText(s.job), 160))]},
            {label: 'Source', cell: (s) => Text(s.source, 64)},
            {label: 'Owner', cell: (s) => [Text(s.owner, 64), ' ', s.shared && Badge('shared', 'info')]},
            {label: 'Changed', class: 'nowrap', cell: (s) => Ago(s.updated_at)},
            ...(act ? [{label: '', class: 'end bare', cell: acts}] : []),
        ]});
        table.querySelector('table')?.classList.add('cards');
        fill(body, table);
    }
    async function load() {
        try {
            ({searches} = await page.api.get('/api/searches', {signal: page.signal}));
            searches.sort((a, b) => a.name.localeCompare(b.name));
            draw();
        } catch (error) {
            if (!isAbort(error))
                fill(body, errorState(error, load));
        }
    }
    page.on('resync', load);
    await load();
}
