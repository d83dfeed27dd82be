// The whole C surface that Martlet uses: hiredis' reply reader and its version.
#ifndef MARTLET_CHIREDIS_SHIM_H
#define MARTLET_CHIREDIS_SHIM_H

#include <hiredis/hiredis.h>
#include <hiredis/read.h>

#endif
