// SPDX-License-Identifier: Apache-2.0
#ifndef NOTIFY_SMTP_H
#define NOTIFY_SMTP_H

#include "notify/notifier.h"

extern const struct notifier_row notifier_smtp;

#endif
