// The whole C surface that Martlet uses: hiredis' reply reader, and what differs between its versions 0.14 and 1.x.
#ifndef MARTLET_CHIREDIS_SHIM_H
#define MARTLET_CHIREDIS_SHIM_H

#include <hiredis/hiredis.h>
#include <hiredis/read.h>
#include <stddef.h>

#if HIREDIS_MAJOR >= 1
// hiredis 1.x also reads RESP3. We never ask a server for RESP3, so such an element is an error, and NULL says so;
// left unset, the reader would skip the element in silence and shift the replies behind it.
static inline void *martlet_refuse_double(const redisReadTask *task, double value, char *text, size_t length) {
    (void)task; (void)value; (void)text; (void)length;
    return NULL;
}

static inline void *martlet_refuse_bool(const redisReadTask *task, int value) {
    (void)task; (void)value;
    return NULL;
}
#endif

// Fills those callbacks that only newer versions of hiredis have.
static inline void martlet_set_newer_callbacks(redisReplyObjectFunctions *functions) {
#if HIREDIS_MAJOR >= 1
    functions->createDouble = martlet_refuse_double;
    functions->createBool = martlet_refuse_bool;
#else
    (void)functions;
#endif
}

#endif
