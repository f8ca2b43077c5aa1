// SPDX-License-Identifier: Apache-2.0
#ifndef API_TIMETABLE_H
#define API_TIMETABLE_H

#include "api/request.h"

/* Recurring jobs: /api/schedules, over the files of schedules/ (engine/schedule_files.h). All on the lane of the sources. A schedule belongs to the created_by
 * of its job. */

void timetable_list(struct request *r);
void timetable_create(struct request *r);
void timetable_get(struct request *r);
void timetable_put(struct request *r);
void timetable_delete(struct request *r);
void timetable_pause(struct request *r);
void timetable_resume(struct request *r);
void timetable_run(struct request *r);

#endif
