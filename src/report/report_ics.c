// SPDX-License-Identifier: Apache-2.0
#include "report/report.h"

#include "base/clock.h"
#include "os/fsio.h"

#include <stdlib.h>
#include <string.h>

/* iCalendar (RFC 5545): an event of a whole day for each date. */

#define OUT_MOST (SIZE_MAX / 4)
#define LINE_OCTETS 75u

struct ics {
    struct report_paper paper;
    int fd;
    struct buf out, line, text;
    char stamp[20];
};

/* A content line: cut after 75 octets, never inside a character (3.1). */
static enum rc fold(struct ics *c) {
    const char *at = buf_text(&c->line);
    size_t left = c->line.length, room = LINE_OCTETS;
    enum rc rc = RC_OK;
    while (left > room && !rc) {
        size_t length = room;
        while (length > 1 && ((unsigned char)at[length] & 0xC0) == 0x80)
            length--;
        rc = buf_add(&c->out, at, length);
        rc = rc ? rc : buf_add_text(&c->out, "\r\n ");
        at += length;
        left -= length;
        room = LINE_OCTETS - 1; /* the blank counts */
    }
    rc = rc ? rc : buf_add(&c->out, at, left);
    return rc ? rc : buf_add_text(&c->out, "\r\n");
}

/* NAME:TEXT, the value of type TEXT (3.3.11) */
static enum rc line(struct ics *c, const char *name, const char *text) {
    buf_reset(&c->text);
    buf_reset(&c->line);
    enum rc rc = report_clean(slice_of(text), 8000, &c->text);
    rc = rc ? rc : buf_add_text(&c->line, name);
    for (const char *at = buf_text(&c->text); *at && !rc; at++) {
        if (*at == '\n')
            rc = buf_add_text(&c->line, "\\n");
        else if (strchr("\\;,", *at))
            rc = buf_printf(&c->line, "\\%c", *at);
        else
            rc = buf_add_char(&c->line, *at);
    }
    return rc ? rc : fold(c);
}

static enum rc ics_open(int fd, const struct report_head *head, struct report_paper **paper, struct err *err) {
    struct ics *c = calloc(1, sizeof *c);
    if (!c)
        return err_set(err, RC_TEMP, "out of memory");
    c->fd = fd;
    buf_init(&c->out, OUT_MOST);
    buf_init(&c->line, OUT_MOST);
    buf_init(&c->text, OUT_MOST);
    clock_format_basic(head->as_of_us, c->stamp);
    enum rc rc = buf_add_text(&c->out, "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//batchspool//results//EN\r\nCALSCALE:GREGORIAN\r\nMETHOD:PUBLISH\r\n");
    rc = rc ? rc : line(c, "X-WR-CALNAME:", head->title);
    if (rc) {
        (void)report_ics.close(&c->paper, false, NULL);
        return err_set(err, rc, "out of memory");
    }
    *paper = &c->paper;
    return RC_OK;
}

/* "20261128" of "2026-11-28", and of the day after it. */
static bool days_of(const char *date, char day[20], char next[20]) {
    char text[CLOCK_RFC3339_SIZE];
    int64_t us;
    if (strlen(date) != 10 || !str_format(text, sizeof text, "%sT00:00:00Z", date) || !clock_parse_rfc3339(text, &us))
        return false;
    clock_format_basic(us, day);
    clock_format_basic(us + INT64_C(86400) * 1000000, next);
    day[8] = next[8] = '\0';
    return true;
}

static enum rc ics_event(struct report_paper *paper, const struct report_event *event) {
    struct ics *c = (struct ics *)paper;
    char day[20], next[20];
    if (!days_of(event->date, day, next))
        return RC_OK;
    enum rc rc = buf_add_text(&c->out, "BEGIN:VEVENT\r\n");
    rc = rc ? rc : line(c, "UID:", event->uid);
    rc = rc ? rc : buf_printf(&c->out, "DTSTAMP:%s\r\nDTSTART;VALUE=DATE:%s\r\nDTEND;VALUE=DATE:%s\r\n", c->stamp, day, next);
    rc = rc ? rc : line(c, "SUMMARY:", event->summary);
    if (!rc && event->description && event->description[0])
        rc = line(c, "DESCRIPTION:", event->description);
    return rc ? rc : buf_add_text(&c->out, "TRANSP:TRANSPARENT\r\nEND:VEVENT\r\n");
}

static enum rc ics_close(struct report_paper *paper, bool complete, struct err *err) {
    struct ics *c = (struct ics *)paper;
    enum rc rc = complete ? buf_add_text(&c->out, "END:VCALENDAR\r\n") : RC_OK;
    if (complete && !rc)
        rc = fsio_write(c->fd, c->out.data, c->out.length, &c->paper.err);
    if (rc)
        (void)err_set(err, rc, "%s", c->paper.err.text[0] ? c->paper.err.text : "out of memory");
    buf_release(&c->out);
    buf_release(&c->line);
    buf_release(&c->text);
    free(c);
    return rc;
}

const struct report_form report_ics = {.name = "ics", .bit = REPORT_ICS, .open = ics_open, .event = ics_event, .close = ics_close};
