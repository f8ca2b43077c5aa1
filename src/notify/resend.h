// SPDX-License-Identifier: Apache-2.0
#ifndef NOTIFY_RESEND_H
#define NOTIFY_RESEND_H

#include "notify/notifier.h"

extern const struct notifier_row notifier_resend;

#endif
