// SPDX-License-Identifier: Apache-2.0
/* Documents: drop them, see them sent and analysed, take the results. Each becomes a job of its own, or those of one lease one job; ?id=JOB shows the results of one. */
import {h, fill, button, icon} from './dom.js';
import {ApiError, isAbort, job as jobPath} from './api.js';
import {busy, openDialog} from './dialog.js';
import {field} from './form.js';
import {createList, emptyState, skeleton} from './table.js';
import {Ago, Text, bytes, clip, plural} from './format.js';
import {Badge, JobBadges, StatusBadge, reasonOf} from './words.js';
import {styles} from './assets.js';
import {documentType, safeName, upload} from './uploads.js';

const AT_ONCE = 3;
const SOURCE = 'lease';
const REST = new Set(['COMPLETED', 'FAILED', 'HELD', 'CANCELLED']);

/* The lease that the documents of a job are of, and whether its reports are drafts: of jobs that are complete, asked for a few at a time. A job that changed is asked again. */
function reviewer(page) {
    const known = new Map(), asked = [];
    let running = 0;
    function next() {
        for (; running < AT_ONCE && asked.length; running++) {
            const {job, take} = asked.shift();
            page.api.get(`${jobPath(job.job_id, 'review')}/documents`, {signal: page.signal}).then(take, () => take(null)).finally(() => { running--; next(); });
        }
    }
    return (job) => {
        const key = `${job.job_id} ${job.updated_at}`;
        if (job.status !== 'COMPLETED')
            return Promise.resolve(null);
        if (!known.has(key))
            known.set(key, new Promise((take) => { asked.push({job, take}); next(); }));
        return known.get(key);
    };
}
const groupsOf = (view) => [...new Set(view.documents.filter((d) => d.lease && d.lease !== d.name).map((d) => d.lease))];
const Group = (view) => groupsOf(view).length > 0 && h('span', {class: 'muted small'}, 'Group: ', Text(groupsOf(view).join(', '), 200), view.documents.length > 1 && ` (${plural(view.documents.length, 'document')})`);
const Draft = (id, view) => view.documents.length > 0 && h('a', {href: `/jobs/${encodeURIComponent(id)}/review`, 'aria-label': view.reviewed ? 'Reviewed: open the review' : `Draft, ${view.open} to review: open the review`}, view.reviewed ? Badge('Reviewed', 'ok') : Badge(view.open ? `Draft: ${view.open} to review` : 'Draft', 'warn'));
/* An element that is filled when the answer is there. */
function later(view, draw) {
    const place = h('div');
    view.then((found) => found && fill(place, draw(found)));
    return place;
}

/* Several that were chosen at once: {group}, the lease that they are of, with its amendments; {}: each is a matter of its own; undefined: nothing is sent. */
function together(files) {
    const name = h('input', {type: 'text', maxlength: '128', value: clip(files[0].name.replace(/\.[^.]*$/, ''), 100)});
    const one = () => { if (name.value.trim()) shown.close({group: name.value.trim()}); else name.focus(); };
    const shown = openDialog({title: plural(files.length, 'document'), content: [h('p', {}, 'Are they one lease, with its amendments and deeds? Then they are read together: what is newer holds, and what it replaces is kept beside.'),
        field('Name of the lease', name, {help: 'Its job and its reports are called so.'})],
    actions: [button('Each by itself', {onclick: () => shown.close({})}), button('One lease', {class: 'primary', onclick: one})]});
    name.addEventListener('keydown', (event) => { if (event.key === 'Enter') one(); });
    name.select();
    return shown.closed;
}

export async function render(root, params, page) {
    await styles('/pages.css');
    if (page.query.get('id'))
        return results(root, page, page.query.get('id'));
    const sending = new Map(); /* job id -> the uploads that made it */
    const reviewOf = reviewer(page);
    const waiting = [], list = h('ul', {class: 'uploads', 'aria-label': 'Uploads'});
    let running = 0;
    const file = h('input', {type: 'file', multiple: true, accept: '.pdf,.tif,.tiff,.jpg,.jpeg,.png,application/pdf,image/tiff,image/jpeg,image/png', class: 'hidden', tabindex: '-1', 'aria-label': 'Documents', onchange: () => { take([...file.files]); file.value = ''; }});
    const zone = h('div', {class: 'drop', ondragover: (event) => { event.preventDefault(); zone.classList.add('over'); }, ondragleave: () => zone.classList.remove('over'), ondrop: (event) => {
        event.preventDefault();
        zone.classList.remove('over');
        take([...event.dataTransfer?.files ?? []]);
    }}, icon('upload'), h('p', {}, h('strong', {}, 'Drop documents here')), h('p', {class: 'muted small'}, 'PDF, TIFF, JPEG or PNG, at most 64 MiB each'), button('Choose files', {icon: 'file', onclick: () => file.click()}), file);
    /* A file that misses the zone does not take the reader to itself. */
    const miss = (event) => event.preventDefault();
    for (const name of ['dragover', 'drop'])
        addEventListener(name, miss);
    page.leave(() => { for (const name of ['dragover', 'drop']) removeEventListener(name, miss); });

    async function take(files) {
        const looked = [];
        for (const chosen of files.slice(0, 500)) {
            const head = new Uint8Array(await chosen.slice(0, 8).arrayBuffer().catch(() => new ArrayBuffer(0)));
            looked.push({chosen, what: documentType(chosen.name, head, chosen.size)});
        }
        const good = looked.filter((one) => !one.what.why).map((one) => one.chosen);
        const how = good.length > 1 ? await together(good) : {};
        if (!how)
            return;
        const bundle = how.group ? {group: how.group, items: [], key: crypto.randomUUID()} : null; /* one that is none is missing in it, until somebody takes it off the list */
        for (const {chosen, what} of looked) {
            const item = {file: chosen, abort: new AbortController(), row: null, bundle};
            bundle?.items.push(item);
            page.signal.addEventListener('abort', () => item.abort.abort(), {once: true});
            item.bar = h('span', {style: {width: '0%'}});
            item.state = h('span', {class: 'muted small', role: 'status'}, 'Waits');
            item.acts = h('span', {class: 'row nowrap'}, button(`Stop ${clip(chosen.name, 60)}`, {icon: 'close', class: 'ghost small', hideLabel: true, onclick: () => stop(item)}));
            item.row = h('li', {}, icon('doc'), h('div', {class: 'grow'}, h('div', {class: 'row'}, h('span', {class: 'grow cut'}, Text(chosen.name, 120)), h('span', {class: 'muted small nowrap'}, bytes(chosen.size))), h('div', {class: 'bar'}, item.bar), item.state), item.acts);
            list.append(item.row);
            if (what.why)
                fail(item, what.why);
            else {
                item.type = what.type;
                waiting.push(item);
                next();
            }
        }
    }
    function stop(item) {
        item.abort.abort();
        if (waiting.includes(item))
            waiting.splice(waiting.indexOf(item), 1);
        remove(item);
    }
    /* The rest of its lease goes on without it. */
    function remove(item) {
        item.row.remove();
        if (item.bundle) {
            item.bundle.items = item.bundle.items.filter((other) => other !== item);
            whole(item.bundle);
        }
    }
    function fail(item, text, again = false) {
        item.row.dataset.state = 'failed';
        item.bar.dataset.tone = 'bad';
        item.state.className = 'error-text';
        item.state.textContent = text;
        fill(item.acts, again && button('Try again', {icon: 'refresh', class: 'small', onclick: () => { item.row.dataset.state = ''; item.state.className = 'muted small'; item.bar.dataset.tone = ''; item.abort = new AbortController(); waiting.push(item); next(); }}),
            button(`Remove ${clip(item.file.name, 60)} from the list`, {icon: 'close', class: 'ghost small', hideLabel: true, onclick: () => remove(item)}));
    }
    function next() {
        while (running < AT_ONCE && waiting.length)
            send(waiting.shift());
    }
    async function send(item) {
        running++;
        item.key ??= crypto.randomUUID();
        item.state.textContent = 'Is sent…';
        try {
            const answer = await upload(item.bundle ? '/api/documents' : '/api/lease-processing/upload', item.file, {type: item.type, query: {name: safeName(item.file.name)}, headers: {'Idempotency-Key': item.key}, signal: item.abort.signal,
                onprogress: (sent, all) => { item.bar.style.width = `${Math.round(sent / all * 100)}%`; item.state.textContent = sent < all ? `${bytes(sent)} of ${bytes(all)}` : 'Is stored…'; }});
            item.bar.style.width = '100%';
            item.bar.dataset.tone = 'ok';
            if (item.bundle) {
                item.document = {sha256: answer.document_id, name: safeName(item.file.name), bytes: answer.bytes, type: item.type.split('/')[1], group: item.bundle.group};
                item.state.textContent = `Stored; waits for the others of ${clip(item.bundle.group, 60)}`;
                whole(item.bundle);
            } else
                begun([item], answer);
        } catch (error) {
            if (isAbort(error))
                return;
            const source = error.errors?.some((e) => e.pointer === '/source');
            if (error.status !== 0)
                item.key = null;
            fail(item, source ? 'This server does not analyse documents yet: an administrator adds the source "lease".' : error.status === 429 ? `Too many at once: wait ${error.retryAfter ?? 30} s.` : error.message, !source && ![400, 413, 415, 422].includes(error.status));
        } finally {
            running--;
            next();
        }
    }
    function begun(items, job) {
        sending.set(job.job_id, items);
        for (const item of items)
            status(item, job);
        jobs.refreshSoon();
    }
    /* All documents of a lease are there: one job. */
    async function whole(bundle) {
        const {items, group, key} = bundle;
        if (!items.length || bundle.begun || !items.every((item) => item.document))
            return;
        bundle.begun = true;
        try {
            begun(items, await page.api.post('/api/batch-jobs', {source: SOURCE, documents: items.map((item) => item.document)}, {headers: {'Idempotency-Key': key}, signal: page.signal}));
        } catch (error) {
            bundle.begun = false;
            page.toastError(error, `The job of ${clip(group, 60)} was not made`);
            for (const item of items)
                fill(item.acts, button('Try again', {icon: 'refresh', class: 'small', onclick: () => whole(bundle)}));
        }
    }
    function status(item, job) {
        fill(item.state, StatusBadge(job.status), ' ', job.reason && reasonOf(job));
        fill(item.acts, h('a', {class: 'btn small', href: REST.has(job.status) && job.status === 'COMPLETED' ? `/documents?id=${encodeURIComponent(job.job_id)}` : `/jobs/${encodeURIComponent(job.job_id)}`}, job.status === 'COMPLETED' ? 'Results' : 'Show'));
    }

    const jobs = createList(page, {label: 'Documents', path: '/api/batch-jobs', member: 'jobs', key: 'job_id', query: () => ({source: SOURCE}), sort: '-created_at',
        open: (job) => page.navigate(job.status === 'COMPLETED' ? `/documents?id=${encodeURIComponent(job.job_id)}` : `/jobs/${encodeURIComponent(job.job_id)}`),
        columns: [
            {label: 'Document', main: true, sort: 'name', cell: (job) => [h('a', {href: job.status === 'COMPLETED' ? `/documents?id=${encodeURIComponent(job.job_id)}` : `/jobs/${encodeURIComponent(job.job_id)}`}, Text(job.name || job.job_id, 120)), later(reviewOf(job), Group)]},
            {label: 'State', sort: 'status', cell: (job) => [JobBadges(job), job.reason && h('div', {class: 'muted small'}, reasonOf(job))]},
            {label: 'Review', cell: (job) => later(reviewOf(job), (view) => Draft(job.job_id, view))},
            {label: 'By', cell: (job) => Text(job.created_by, 64)},
            {label: 'Sent', sort: 'created_at', class: 'nowrap', cell: (job) => Ago(job.created_at)},
        ], empty: () => emptyState('No documents yet', 'What you drop above is listed here, with its results.')});
    fill(root, h('div', {class: 'page-head'}, h('h1', {class: 'grow'}, 'Documents'), h('p', {}, 'Leases and other documents: sent, read and analysed, each as a job.')), zone, list, h('h2', {}, 'Sent'), jobs.element);
    page.on('job', (job) => {
        for (const item of sending.get(job.job_id) ?? [])
            status(item, job);
        if (job.source === SOURCE && !jobs.merge(job))
            jobs.refreshSoon();
    });
    page.on('resync', () => jobs.reload());
    await jobs.load();
}

/* Reports that were made before the last word of the review: they say something else than it does. */
const REPORTS = {'report.pdf': 'pdf', 'report.xlsx': 'xlsx', 'report.html': 'html', 'dates.ics': 'ics'};
const outdated = (results, review) => results.filter((result) => REPORTS[result.name] && Date.parse(result.created_at) < Date.parse(review.revised_at ?? 0));

async function results(root, page, id) {
    const body = h('div', {class: 'stack'}, skeleton());
    let madeFor = null;
    const title = h('h1', {class: 'grow'}, 'Results');
    fill(root, h('div', {class: 'page-head'}, title, h('a', {class: 'btn', href: '/documents'}, icon('left'), 'Documents'), h('a', {class: 'btn', href: `/jobs/${encodeURIComponent(id)}/review`}, icon('edit'), 'Review'), h('a', {class: 'btn', href: `/jobs/${encodeURIComponent(id)}`}, 'The job')), body);
    async function load() {
        const [job, found] = await Promise.all([page.api.get(jobPath(id), {signal: page.signal}), page.api.get(`/api/lease-processing/results/${encodeURIComponent(id)}`, {signal: page.signal}).catch((error) => { if (isAbort(error) || error.status === 401) throw error; return {results: [], error}; })]);
        fill(title, Text(job.name || id, 120));
        page.title(clip(job.name || id, 60));
        const link = (query) => `/api/lease-processing/results/${encodeURIComponent(id)}/download?${new URLSearchParams(query)}`;
        const view = reviewer(page)(job);
        fill(body, h('div', {class: 'row'}, JobBadges(job), later(view, (found) => Draft(id, found)), later(view, Group), job.reason && h('span', {class: 'muted'}, reasonOf(job)), found.records !== undefined && h('span', {class: 'muted'}, plural(found.records, 'record'))),
            later(view, (review) => review.revised_at !== madeFor && outdated(found.results, review).length > 0 && h('section', {class: 'banner', dataset: {tone: 'warn'}, 'aria-label': 'Older than the review'}, icon('alert'),
                h('div', {}, h('strong', {}, 'These reports are older than the review'), h('p', {}, 'They do not have what was said last, ', Ago(review.revised_at), '.')),
                page.can('operator') && button('Make them again', {icon: 'refresh', class: 'small', onclick: (event) => again(event.currentTarget, outdated(found.results, review), review)}))),
            h('section', {class: 'card', 'aria-label': 'Downloads'}, h('header', {}, h('h2', {class: 'grow'}, 'Downloads'), (found.records > 0 ? ['pdf', 'xlsx', 'html', 'ics', 'csv', 'ndjson'] : []).map((format) => { const get = button(format.toUpperCase(), {icon: 'download', class: 'small', onclick: () => fetchAs(format, found.results, get, link)}); return get; })),
                found.error ? emptyState('No results', found.error.message) : found.results.length ? h('ul', {class: 'line-list'}, found.results.map((result) => h('li', {}, icon('file'), h('a', {class: 'grow', href: link({name: result.name}), download: ''}, Text(result.name, 120)), h('span', {class: 'muted small'}, bytes(result.bytes)), Ago(result.created_at))))
                    : emptyState('No results yet', REST.has(job.status) ? 'The job made none.' : 'They come when the document is analysed.')));
    }
    async function again(from, old, review) {
        try {
            await busy(from, (async () => {
                for (const {name} of old) {
                    const {job_id} = await page.api.post(jobPath(id, 'results'), {format: REPORTS[name]}, {signal: page.signal});
                    for (let tries = 0; tries < 60 && !REST.has((await page.api.get(jobPath(job_id), {signal: page.signal})).status); tries++)
                        await new Promise((resolve) => setTimeout(resolve, 500));
                }
            })());
            madeFor = review.revised_at; /* one that has come out the same keeps its time */
            await load();
        } catch (error) {
            if (!isAbort(error))
                page.toastError(error);
        }
    }
    /* An export is made when it is asked for first, by the daemon. */
    async function fetchAs(format, results, from, link) {
        const name = format === 'ics' ? 'dates.ics' : ['csv', 'ndjson'].includes(format) ? `records.${format}` : `report.${format}`;
        try {
            if (!results.some((result) => result.name === name)) {
                await busy(from, page.api.post(jobPath(id, 'results'), {format}, {signal: page.signal}));
                page.toast('Is made', {tone: 'info', text: name, key: `export ${name}`});
                for (let tries = 0; !results.some((result) => result.name === name); tries++) {
                    if (tries === 60)
                        throw new ApiError(0, {detail: 'It takes longer: it will be listed here.'});
                    await new Promise((resolve) => setTimeout(resolve, 1000));
                    ({results} = await page.api.get(`/api/lease-processing/results/${encodeURIComponent(id)}`, {signal: page.signal}));
                }
                await load();
            }
            const anchor = h('a', {href: link({name}), download: ''});
            root.append(anchor);
            anchor.click();
            anchor.remove();
        } catch (error) {
            page.toastError(error);
        }
    }
    page.on('job', (job) => { if (job.job_id === id) load().catch(page.toastError); });
    try {
        await load();
    } catch (error) {
        if (error.status === 404)
            throw new ApiError(404, {detail: 'There is no such document.'});
        throw error;
    }
}
