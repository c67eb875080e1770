// What the executable tells jemalloc, which reads this symbol at its start.

#include <jemalloc/jemalloc.h>

// Memory that nobody uses goes back to the system within ten seconds, on threads of jemalloc's own,
// also when nothing is allocated any more: after a crowd of sessions has gone.
extern "C" {
extern const char* malloc_conf;
const char* malloc_conf = "background_thread:true,dirty_decay_ms:10000,muzzy_decay_ms:0";
}
