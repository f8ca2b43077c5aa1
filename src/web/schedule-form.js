// SPDX-License-Identifier: Apache-2.0
/* The dialog in which a job becomes a schedule, or a schedule is changed: editSchedule(page, {schedule, job}) -> the schedule that was saved, or undefined.
 * schedule: what GET /api/schedules/NAME gave, or null for a new one. */
import {h, button} from './dom.js';
import {openDialog, busy} from './dialog.js';
import {field, select, showErrors, clearErrors} from './form.js';
import {isAbort} from './api.js';
import {fromLocalInput, jsonText, parseJson, toLocalInput} from './builder.js';

const TIMES = [['0 6 * * 1-5', 'Working days at 6:00'], ['0 6 * * *', 'Every day at 6:00'], ['0 * * * *', 'Every hour'], ['*/15 * * * *', 'Every 15 minutes'], ['0 6 * * 1', 'Mondays at 6:00'], ['0 6 1 * *', 'On the first of the month at 6:00'], ['cron', 'Other times (five fields)…'], ['every', 'An interval…']];

export const zones = () => {
    try {
        return ['UTC', ...Intl.supportedValuesOf('timeZone').filter((zone) => zone !== 'UTC')];
    } catch {
        return ['UTC'];
    }
};

export async function editSchedule(page, {schedule = null, job = null, name: suggested = ''} = {}) {
    const given = schedule?.definition ?? schedule ?? {}, isNew = !schedule;
    const local = Intl.DateTimeFormat().resolvedOptions().timeZone;
    const name = h('input', {type: 'text', required: true, maxlength: '64', pattern: '[A-Za-z0-9_\\-]{1,64}', value: schedule?.schedule ?? suggested, disabled: !isNew, spellcheck: 'false'});
    const times = select(TIMES, {value: given.every ? 'every' : given.cron ? (TIMES.some(([value]) => value === given.cron) ? given.cron : 'cron') : '0 6 * * 1-5', onchange: () => show()});
    const cron = h('input', {type: 'text', class: 'mono', value: given.cron ?? '0 6 * * 1-5', spellcheck: 'false'});
    const every = h('input', {type: 'text', class: 'mono', value: given.every ?? 'PT2H', spellcheck: 'false'});
    const list = zones(), zone = given.timezone ?? (list.includes(local) ? local : 'UTC');
    const timezone = select(list.includes(zone) ? list : [zone, ...list], {value: zone});
    const missed = select([['skip', 'Leave them out'], ['once', 'Run once for all of them']], {value: given.missed === 'once' ? 'once' : 'skip'});
    const until = h('input', {type: 'datetime-local', value: toLocalInput(given.until ?? '')});
    const text = h('textarea', {class: 'mono', rows: '9', spellcheck: 'false', value: jsonText(job ?? given.job ?? {})});
    const cronField = field('Minute, hour, day, month, day of week', cron, {pointer: '/cron', help: 'As in cron: 0 6 * * 1-5 is six o\'clock on working days.'});
    const everyField = field('Interval', every, {pointer: '/every', help: 'A duration of ISO 8601: PT2H is two hours, P1D a day.'});
    const show = () => { cronField.hidden = times.value !== 'cron'; everyField.hidden = times.value !== 'every'; };
    const form = h('form', {class: 'stack', onsubmit: (event) => { event.preventDefault(); save(); }},
        field('Name', name, {pointer: '/schedule', help: isNew ? 'Letters, digits, _ and -.' : ''}),
        h('div', {class: 'form-grid'}, field('When', times, {pointer: '/when'}), field('Time zone', timezone, {pointer: '/timezone'})),
        cronField, everyField,
        h('div', {class: 'form-grid'}, field('Times that are missed', missed, {pointer: '/missed', help: 'While no daemon runs.'}), field('Until', until, {pointer: '/until', help: 'Nothing: without end.'})),
        h('details', {class: 'more', open: !isNew}, h('summary', {}, 'The job'), field('Job', text, {pointer: '/job', hideLabel: true})),
        h('button', {type: 'submit', hidden: true}));
    const ok = button(isNew ? 'Make the schedule' : 'Save', {class: 'primary', onclick: () => form.requestSubmit()});
    const shown = openDialog({title: isNew ? 'New schedule' : `Schedule ${schedule.schedule}`, content: [form], actions: [button('Cancel', {onclick: () => shown.close()}), ok]});
    show();
    (isNew ? name : times).focus();

    async function save() {
        clearErrors(form);
        const parsed = parseJson(text.value);
        const bad = (pointer, detail) => showErrors(form, {message: 'This cannot be saved yet.', errors: [{pointer, detail}]});
        if (!/^[A-Za-z0-9_-]{1,64}$/.test(name.value.trim()))
            return bad('/schedule', 'Letters, digits, _ and -, at most 64');
        if (parsed.problem || !parsed.value || typeof parsed.value !== 'object' || Array.isArray(parsed.value)) {
            text.closest('details').open = true;
            return bad('/job', parsed.problem ?? 'The job is a JSON object');
        }
        const {not_before, mode, ...work} = parsed.value; /* created_by stays: who mends the schedule of another does not take it over */
        const {cron: wasCron, every: wasEvery, until: wasUntil, ...kept} = schedule?.definition ?? {};
        const body = {...kept, timezone: timezone.value, missed: missed.value, job: work};
        if (times.value === 'every')
            body.every = every.value.trim();
        else
            body.cron = times.value === 'cron' ? cron.value.trim() : times.value;
        if (until.value)
            body.until = fromLocalInput(until.value);
        try {
            const saved = await busy(ok, isNew ? page.api.post('/api/schedules', {schedule: name.value.trim(), ...body}, {signal: page.signal}) : page.api.put(`/api/schedules/${encodeURIComponent(schedule.schedule)}`, body, {signal: page.signal}));
            page.toast(isNew ? 'The schedule is made' : 'The schedule is saved', {href: '/schedules'});
            shown.close(saved ?? body);
        } catch (error) {
            if (!isAbort(error))
                showErrors(form, error);
        }
    }
    return shown.closed;
}
