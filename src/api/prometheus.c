// SPDX-License-Identifier: Apache-2.0
#include "api/prometheus.h"

enum rc prometheus_label(struct buf *out, const char *value) {
    enum rc rc = buf_add_char(out, '"');
    for (; *value && !rc; value++)
        switch (*value) {
        case '\\':
            rc = buf_add_text(out, "\\\\");
            break;
        case '"':
            rc = buf_add_text(out, "\\\"");
            break;
        case '\n':
            rc = buf_add_text(out, "\\n");
            break;
        default:
            rc = buf_add_char(out, *value);
        }
    return rc ? rc : buf_add_char(out, '"');
}

void prometheus_head(struct buf *out, const char *name, const char *type, const char *help) {
    buf_printf(out, "# HELP batchspool_%s %s\n# TYPE batchspool_%s %s\n", name, help, name, type);
}

void prometheus_sample(struct buf *out, const char *name, const char *const labels[], double number) {
    buf_printf(out, "batchspool_%s", name);
    for (size_t i = 0; labels && labels[i]; i += 2) {
        buf_printf(out, "%s%s=", i ? "," : "{", labels[i]);
        prometheus_label(out, labels[i + 1]);
    }
    buf_printf(out, "%s %.16g\n", labels && labels[0] ? "}" : "", number);
}

void prometheus_one(struct buf *out, const char *name, const char *type, const char *help, double number) {
    prometheus_head(out, name, type, help);
    prometheus_sample(out, name, NULL, number);
}
