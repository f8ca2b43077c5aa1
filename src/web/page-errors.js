// SPDX-License-Identifier: Apache-2.0
/* What went wrong, grouped by its cause, so that one act mends all that it broke. */
import {h, fill, redraw, icon, button} from './dom.js';
import {num, Ago, Text, clip, plural} from './format.js';
import {Badge, StatusBadge, reasonText, capital} from './words.js';
import {emptyState, errorState, skeleton} from './table.js';
import {confirm, busy} from './dialog.js';
import {isAbort} from './api.js';
import {filterValue} from './jobs.js';

const ACTS = {
    retry: ['Retry', 'refresh', 'They go on with the missing pages, under the same ids.'], release: ['Release', 'check', 'They go back into the queue; their limits are checked again before anything is bought.'],
    process: ['Load again', 'play', 'The payloads are loaded once more.'], cancel: ['Cancel', 'stop', 'They are stopped for good. What was captured stays.'],
    accept_coverage: ['Accept as complete', 'check', 'They end as completed with the records that came.'], accept_duplicates: ['Accept duplicates', 'check', 'They go on although records were paid for twice; further pages may cost more of that.'],
    buy_all: ['Buy all', 'money', 'The whole search of each is bought; records that are owned already are paid for again.'],
};
const wordOf = (act) => ACTS[act] ?? [capital(act), 'check', ''];

export async function render(root, params, page) {
    page.title('Errors');
    const body = h('div', {class: 'stack'}, skeleton(6)), about = h('p');
    root.append(h('div', {class: 'page-head'}, h('h1', {class: 'grow'}, 'Errors'), about), body);
    let groups = null, complete = true, timer = 0;

    const affected = (group) => [group.jobs > 0 && plural(group.jobs, 'job'), group.files > 0 && plural(group.files, 'payload')].filter(Boolean).join(', ');

    async function act(element, group, name) {
        const [label, , text] = wordOf(name);
        if (!await confirm({title: `${label}: ${affected(group)}?`, text, ok: `${label} ${affected(group)}`, danger: name === 'cancel' || name === 'buy_all', cancel: 'Leave them'}))
            return;
        try {
            const answer = await busy(element, page.api.post('/api/errors/act', {key: group.key, act: name, count: group.jobs + group.files}, {timeout: 300000, signal: page.signal}));
            const left = answer?.failed?.length ?? 0;
            page.toast(`${label}: ${num(answer?.done ?? group.jobs)} done`, {tone: left ? 'warn' : 'ok', text: left ? `${num(left)} left as they were: ${clip(answer.failed[0].detail, 150)}` : ''});
        } catch (error) {
            if (error.status === 409)
                page.toast('The group has changed', {tone: 'warn', text: 'Nothing was done. Look at it again.'});
            else
                page.toastError(error);
        }
        load();
    }

    function card(group) {
        const acts = page.can('operator') ? group.acts ?? [] : [];
        const {status} = group; /* none: payloads */
        const filter = [status && `status:${status.toLowerCase()}`, group.source && `source:${filterValue(group.source)}`, group.reason && `reason:${filterValue(group.reason)}`].filter(Boolean).join(' ');
        const example = group.example ?? {};
        const title = group.reason === 'coverage' && /^none of \d+ units/.test(example.error || group.cause || '') ? 'Every unit of the job failed' : reasonText(group.reason);
        const doubt = group.reason === 'charge_unknown';
        return h('article', {class: 'card group', 'aria-label': title},
            h('header', {}, h('div', {class: 'grow stack tight'}, h('h2', {class: 'row'}, title || 'No reason was given', status && StatusBadge(status)), h('p', {class: 'muted small dots'}, group.source && h('span', {}, Text(group.source, 64)), h('span', {}, 'last ', Ago(group.last_at)), group.first_at !== group.last_at && h('span', {}, 'first ', Ago(group.first_at)))),
                h('a', {class: 'value-big num', href: status ? `/jobs?filter=${encodeURIComponent(filter)}` : '/files?shelf=failed', title: 'Show them'}, affected(group))),
            h('div', {class: 'card-body'},
                (example.error || group.cause) && h('p', {class: 'cause'}, Text(example.error || group.cause, 500)),
                doubt && h('p', {class: 'muted small'}, icon('info'), ' Whether a lost answer was charged is decided job by job: a page is never bought twice without a word.'),
                h('div', {class: 'row'}, example.job_id && h('span', {class: 'small grow'}, h('span', {class: 'muted'}, 'For example '), h('a', {href: `/jobs/${encodeURIComponent(example.job_id)}`}, Text(example.file_id || example.name || example.job_id, 80))),
                    acts.map((name) => button(wordOf(name)[0], {icon: wordOf(name)[1], class: `small ${name === 'cancel' || name === 'buy_all' ? 'danger' : ''}`, onclick: (event) => act(event.currentTarget, group, name)})))));
    }

    function draw() {
        const jobs = groups.reduce((all, g) => all + (g.jobs || 0), 0), files = groups.reduce((all, g) => all + (g.files || 0), 0);
        about.textContent = groups.length ? `${plural(groups.length, 'cause')}, ${[jobs && plural(jobs, 'job'), files && plural(files, 'payload')].filter(Boolean).join(', ')}. One act mends all that a cause broke.` : '';
        redraw(body, () => [!complete && h('div', {class: 'banner', dataset: {tone: 'warn'}}, icon('info'), h('p', {}, 'There are more payloads than could be looked at; counts of payloads are of the newest.')), groups.length ? groups.map(card) : emptyState('Nothing is wrong', 'Jobs that failed or are held, and payloads that could not be loaded, are grouped here by what caused it.')]);
    }
    async function load() {
        clearTimeout(timer);
        timer = 0;
        try {
            ({groups, complete = true} = await page.api.get('/api/errors', {signal: page.signal}));
            draw();
        } catch (error) {
            if (!isAbort(error) && groups === null)
                fill(body, errorState(error, load));
        }
    }
    page.on('job', (row) => { if (['FAILED', 'HELD'].includes(row.status) || groups?.some((g) => g.example?.job_id === row.job_id)) timer ||= setTimeout(() => { timer = 0; load(); }, 2500); });
    page.on('resync', load);
    page.on('state', (state) => { if (state === 'live') load(); });
    page.leave(() => clearTimeout(timer));
    await load();
}
