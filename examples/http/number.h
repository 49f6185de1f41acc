/* SPDX-License-Identifier: MIT */
/* Number: the answer that tells who gave it, and to which request. */

#ifndef HTTP_NUMBER_H
#define HTTP_NUMBER_H

#include "exchange.h"

void number_answer(struct exchange *exchange);

#endif
