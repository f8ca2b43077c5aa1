// SPDX-License-Identifier: Apache-2.0
#include "sink/sink.h"

#include <string.h>

const struct sink_row *const sink_rows[] = {&sink_lmdb, NULL};

enum rc sink_open(const char *name, const struct spool *spool, bool write, struct sink **sink, struct err *err) {
    *sink = NULL;
    if (name == NULL)
        name = SINK_DEFAULT;
    for (size_t i = 0; sink_rows[i] != NULL; i++)
        if (strcmp(sink_rows[i]->name, name) == 0)
            return sink_rows[i]->open(spool, write, sink, err);
    return err_set(err, RC_PERM, "record_store: there is no record store \"%s\"", name);
}

void sink_close(struct sink *sink) {
    if (sink != NULL)
        sink->row->close(sink);
}

enum rc sink_load(struct sink *sink, struct sink_file *files, size_t count, struct err *err) {
    return sink->row->load(sink, files, count, err);
}

enum rc sink_file(struct sink *sink, const char *job_id, uint32_t batch, struct sink_file_row *row, struct err *err) {
    return sink->row->file(sink, job_id, batch, row, err);
}

enum rc sink_files(struct sink *sink, const char *job_id, sink_file_seen *fn, void *context, struct err *err) {
    return sink->row->files(sink, job_id, fn, context, err);
}

enum rc sink_jobs(struct sink *sink, const char *campaign, sink_job_seen *fn, void *context, struct err *err) {
    return sink->row->jobs(sink, campaign, fn, context, err);
}

enum rc sink_walk(struct sink *sink, const struct sink_pick *pick, sink_record_seen *fn, void *context, struct err *err) {
    return sink->row->walk(sink, pick, fn, context, err);
}

enum rc sink_errors(struct sink *sink, const char *job_id, uint32_t batch, sink_error_seen *fn, void *context, struct err *err) {
    return sink->row->errors(sink, job_id, batch, fn, context, err);
}

enum rc sink_find(struct sink *sink, const char *source, struct slice key, const char *job_id, sink_record_seen *fn, void *context, struct err *err) {
    return sink->row->find(sink, source, key, job_id, fn, context, err);
}

enum rc sink_changes(struct sink *sink, struct sink_position *at, const struct sink_pick *pick, sink_record_seen *fn, void *context, struct err *err) {
    return sink->row->changes(sink, at, pick, fn, context, err);
}

enum rc sink_compare(struct sink *sink, const struct sink_file *file, const struct sink_record *record, enum sink_change *change, struct err *err) {
    return sink->row->compare(sink, file, record, change, err);
}
