// The whole C surface of zlib that Martlet uses: one call that makes a gzip file of bytes.
#ifndef MARTLET_CZLIB_SHIM_H
#define MARTLET_CZLIB_SHIM_H

#include <stddef.h>
#include <string.h>
#include <zlib.h>

// The most bytes that martlet_gzip can make of so many.
static inline size_t martlet_gzip_bound(size_t count) {
    // For the wrapper of zlib, whose head and end are 12 bytes shorter than those of gzip.
    return (size_t)compressBound((uLong)count) + 32;
}

// Makes a gzip file of bytes; returns its length, or 0 when it failed or does not fit.
static inline size_t martlet_gzip(const void *bytes, size_t count, void *output, size_t capacity, int level) {
    if (count > 0x7fffffff || capacity > 0x7fffffff) return 0;
    z_stream stream;
    memset(&stream, 0, sizeof(stream));
    // The largest window, and 16 for the form of gzip.
    if (deflateInit2(&stream, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) return 0;
    stream.next_in = (Bytef *)bytes;
    stream.avail_in = (uInt)count;
    stream.next_out = (Bytef *)output;
    stream.avail_out = (uInt)capacity;
    int result = deflate(&stream, Z_FINISH);
    size_t written = capacity - stream.avail_out;
    deflateEnd(&stream);
    return result == Z_STREAM_END ? written : 0;
}

#endif
