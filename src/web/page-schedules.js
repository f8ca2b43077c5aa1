// SPDX-License-Identifier: Apache-2.0
/* Recurring jobs: when they are due next, how the last run went, and pause, run now, change, remove. */
import {h, fill, button, icon} from './dom.js';
import {isAbort} from './api.js';
import {busy, confirm, menuButton} from './dialog.js';
import {emptyState, errorState, simpleTable, skeleton} from './table.js';
import {Ago, NONE, Text, Time, clip, num, plural} from './format.js';
import {Badge, StatusBadge} from './words.js';
import {styles} from './assets.js';
import {editSchedule} from './schedule-form.js';

const STATES = {on: ['on', 'ok'], off: ['off', 'neutral'], wrong: ['wrong', 'bad'], ended: ['ended', 'neutral']};

export async function render(root, params, page) {
    await styles('/pages.css');
    const act = page.can('operator');
    const body = h('div', {}, skeleton());
    fill(root, h('div', {class: 'page-head'}, h('h1', {class: 'grow'}, 'Schedules'), act && button('New schedule', {icon: 'plus', class: 'primary', onclick: async () => { if (await editSchedule(page, {job: {source: ''}})) load(); }})), body);

    const url = (s, what = '') => `/api/schedules/${encodeURIComponent(s.schedule)}${what && `/${what}`}`;
    const isMine = (s) => act && (page.user.role === 'admin' || s.created_by === page.user.name);
    async function does(s, what, from, said) {
        try {
            const answer = await busy(from, page.api.post(url(s, what), undefined, {signal: page.signal}));
            page.toast(said, {text: s.schedule, href: what === 'run' && answer?.job_id ? `/jobs/${encodeURIComponent(answer.job_id)}` : null});
            load();
        } catch (error) {
            page.toastError(error);
        }
    }
    async function edit(s) {
        try {
            const whole = await page.api.get(url(s), {signal: page.signal});
            if (await editSchedule(page, {schedule: whole}))
                load();
        } catch (error) {
            page.toastError(error);
        }
    }
    async function remove(s) {
        if (!await confirm({title: `Remove the schedule "${s.schedule}"?`, text: 'Jobs that it made stay as they are.', ok: 'Remove it', danger: true}))
            return;
        try {
            await page.api.del(url(s), {signal: page.signal});
            page.toast('Removed', {text: s.schedule});
            load();
        } catch (error) {
            page.toastError(error);
        }
    }
    function acts(s) {
        if (!isMine(s))
            return null;
        const paused = s.state === 'off';
        const turn = button(paused ? 'Resume' : 'Pause', {icon: paused ? 'play' : 'pause', class: 'small', disabled: s.state === 'wrong' || s.state === 'ended', onclick: () => does(s, paused ? 'resume' : 'pause', turn, paused ? 'Resumed' : 'Paused')});
        const more = menuButton(button(`More about ${s.schedule}`, {icon: 'more', class: 'ghost small', hideLabel: true}), () => [
            {label: 'Run now', icon: 'play', disabled: s.state === 'wrong', onclick: () => does(s, 'run', more, 'A job is submitted')},
            {label: 'Change…', icon: 'edit', onclick: () => edit(s)}, null,
            {label: 'Remove…', icon: 'trash', danger: true, onclick: () => remove(s)}]);
        return h('div', {class: 'row end nowrap'}, turn, more);
    }
    function draw(list) {
        if (!list.length)
            return fill(body, emptyState('No schedules yet', 'A schedule submits a job at its times, such as every working day at six. Make one here, or from a new job or a saved search.'));
        const table = simpleTable({label: 'Schedules', rows: list, columns: [
            {label: 'Schedule', main: true, cell: (s) => [h('strong', {}, Text(s.schedule, 64)), s.name && h('div', {class: 'muted small'}, Text(s.name, 128)), s.error && h('p', {class: 'tone-bad small'}, Text(s.error, 400))]},
            {label: 'State', cell: (s) => Badge(...(STATES[s.state] ?? [s.state, 'neutral']))},
            {label: 'When', cell: (s) => (s.cron || s.every ? [h('code', {}, clip(s.cron ?? `every ${s.every}`, 80)), h('div', {class: 'muted small'}, clip(s.timezone ?? 'UTC', 64))] : NONE)},
            {label: 'Next', class: 'nowrap', cell: (s) => (s.next ? [Time(s.next), h('div', {class: 'muted small'}, Ago(s.next))] : NONE)},
            {label: 'Last run', cell: (s) => (s.last ? [s.job_id ? h('a', {href: `/jobs/${encodeURIComponent(s.job_id)}`}, Ago(s.last)) : Ago(s.last), ' ', s.status && StatusBadge(s.status)] : NONE)},
            {label: 'Missed', class: 'num', cell: (s) => (s.missed ? h('span', {title: s.missed_until ? `the last of them ${s.missed_until}` : null}, num(s.missed)) : '0')},
            ...(act ? [{label: '', class: 'end bare', cell: acts}] : []),
        ]});
        table.querySelector('table')?.classList.add('cards');
        const wrong = list.filter((s) => s.state === 'wrong').length;
        fill(body, h('div', {class: 'stack'}, wrong > 0 && h('div', {class: 'banner', dataset: {tone: 'bad'}}, icon('alert'), h('p', {}, `${plural(wrong, 'schedule')} cannot run: what is wrong stands with it.`)), table));
    }
    let drawn = '';
    async function load() {
        try {
            const {schedules} = await page.api.get('/api/schedules', {signal: page.signal});
            if (JSON.stringify(schedules) !== drawn && !document.querySelector('.menu')) {
                drawn = JSON.stringify(schedules);
                draw(schedules);
            }
        } catch (error) {
            if (!isAbort(error) && !drawn)
                fill(body, errorState(error, load));
        }
    }
    page.on('resync', load);
    page.every(30000, load);
    await load();
}
