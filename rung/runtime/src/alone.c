// Kernels without Python. This file is in two libraries: in the extension module, for programs that have rung, and in
// `_alone`, which a packaged model carries along.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "alone.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "debugger.h"
#include "internal.h"
#include "link.h"

// ---- the image of a kernel

typedef struct {
  int64_t at, bytes;  // from the image's beginning, a multiple of 8
} part;

struct rung_kernel_image {
  char magic[8];
  int64_t arguments;
  part processor;  // text: what the code needs of the processor, as the system calls it, a space between two
  part entry;      // text: the function to call
  part code;       // the object file
  part careful;    // one that assumes nothing of a launch; no bytes: there is none
  part pairs;      // of int64_t: two slots that the code assumes to be different pointers, if they are no null pointers
};

#define MAGIC "rungkrn1"

static const void *at(const rung_kernel_image *image, part p) { return (const char *)image + p.at; }

// ---- the processor

// Whether `words`, separated by blanks, have the first `size` characters of `word` among them.
static bool has_word(const char *words, const char *word, size_t size) {
  for (const char *found = words; (found = strstr(found, word)); found++) {
    bool begins = found == words || strchr(" \t:", found[-1]), ends = !found[size] || strchr(" \t\n", found[size]);
    if (begins && ends) return true;
  }
  return false;
}

// The line of /proc/cpuinfo that names the extensions of the instruction set; NULL where there is none. The caller frees it.
static char *extensions(void) {
  FILE *file = fopen("/proc/cpuinfo", "r");
  char *line = NULL;
  size_t room = 0;
  while (file && getline(&line, &room, file) > 0) {
    if (strncmp(line, "flags", 5) && strncmp(line, "Features", 8)) continue;
    fclose(file);
    return line;
  }
  if (file) fclose(file);
  free(line);
  return NULL;
}

// Machine code that the processor does not know ends the process: nothing is linked that it might not run.
static int check_processor(const char *needed, char *error) {
  char *has = extensions();
  if (!has) return 0;  // a system that does not tell
  int length = 0;
  while (*needed) {
    char word[64];
    size_t size = strcspn(needed, " ");
    snprintf(word, sizeof word, "%.*s", (int)size, needed);
    needed += size + (needed[size] == ' ');
    if (has_word(has, word, strlen(word))) continue;
    if (!length) length = snprintf(error, RUNG_ERROR_BYTES, "this model was compiled for another processor; this one lacks:");
    if (length < RUNG_ERROR_BYTES) length += snprintf(error + length, (size_t)(RUNG_ERROR_BYTES - length), " %s", word);
  }
  if (length && length < RUNG_ERROR_BYTES)
    snprintf(error + length, (size_t)(RUNG_ERROR_BYTES - length), ". Compile it on a machine that has no more than this one");
  free(has);
  return length ? -1 : 0;
}

// ---- code

typedef struct {
  rung_linked linked;
  char *object;  // a copy, which debuggers read
  rung_told *told;
  void (*call)(int64_t *slots);
} code;

struct rung_open_kernel_of {
  const rung_kernel_image *image;
  code usual, careful;
};

static pthread_mutex_t debuggers = PTHREAD_MUTEX_INITIALIZER;  // are told of one object at a time

// A name of the runtime, which this library is (a function that only this file knows is in it), or of a library that it
// needs; then of what the process shows to all.
static void *find(const char *name) {
  Dl_info info;
  void *ours = dladdr((void *)find, &info) && info.dli_fname ? dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD) : NULL;
  void *found = ours ? dlsym(ours, name) : NULL;
  if (ours) dlclose(ours);
  return found ? found : dlsym(RTLD_DEFAULT, name);
}

typedef struct {
  const char *name;
  void *address;
} wanted;

static int take_if_wanted(const char *name, void *address, void *data) {
  wanted *w = data;
  if (!strcmp(name, w->name)) w->address = address;
  return 0;
}

static void drop(code *c) {
  if (c->told) {
    pthread_mutex_lock(&debuggers);
    rung_take_back(c->told);
    pthread_mutex_unlock(&debuggers);
  }
  rung_unlink(&c->linked);
  free(c->object);
}

static int load(const rung_kernel_image *image, part p, code *c, char *error) {
  char why[256] = "there is no memory for it";
  wanted entry = {at(image, image->entry), NULL};
  c->object = malloc((size_t)p.bytes);
  if (c->object) memcpy(c->object, at(image, p), (size_t)p.bytes);
  if (c->object && rung_link(c->object, (size_t)p.bytes, find, &c->linked, why) == 0) {
    pthread_mutex_lock(&debuggers);
    c->told = rung_tell_debugger(c->object, (size_t)p.bytes, c->linked.bases);
    pthread_mutex_unlock(&debuggers);
    rung_each_function(c->object, (size_t)p.bytes, &c->linked, take_if_wanted, &entry);
    c->call = (void (*)(int64_t *))(uintptr_t)entry.address;
    if (!c->call) snprintf(why, sizeof why, "it has no function `%s`", entry.name);
  }
  if (c->call) return 0;
  snprintf(error, RUNG_ERROR_BYTES, "the machine code of a kernel cannot be loaded: %s", why);
  return -1;
}

RUNG_API rung_opened *rung_open_kernel(const rung_kernel_image *image, char error[RUNG_ERROR_BYTES]) {
  if (memcmp(image->magic, MAGIC, sizeof image->magic)) {
    snprintf(error, RUNG_ERROR_BYTES, "a kernel was written by another version of rung than the runtime beside it");
    return NULL;
  }
  if (check_processor(at(image, image->processor), error)) return NULL;
  rung_opened *opened = calloc(1, sizeof *opened);
  if (!opened) return snprintf(error, RUNG_ERROR_BYTES, "there is no memory for a kernel"), NULL;
  opened->image = image;
  if (load(image, image->code, &opened->usual, error) == 0 &&
      (!image->careful.bytes || load(image, image->careful, &opened->careful, error) == 0))
    return opened;
  rung_close_kernel(opened);
  return NULL;
}

RUNG_API void rung_close_kernel(rung_opened *opened) {
  drop(&opened->usual);
  drop(&opened->careful);
  free(opened);
}

// ---- launches

static bool assumes_too_much(const rung_kernel_image *image, const int64_t *slots) {
  const int64_t *pair = at(image, image->pairs), *end = pair + image->pairs.bytes / (int64_t)sizeof *pair;
  for (; pair < end; pair += 2)
    if (slots[pair[0]] && slots[pair[0]] == slots[pair[1]]) return true;
  return false;
}

static int run(void (*call)(int64_t *), int64_t *slots, char *error) {
  rung_purpose outer = rung_at_work;  // a kernel may be launched by what another one calls
  rung_launch launch;
  atomic_init(&launch.failure, RUNG_NO_FAILURE);
  launch.program = -1, launch.where[0] = launch.what[0] = 0;
  rung_at_work.launch = &launch;
  call(slots);
  rung_at_work = outer;
  if (atomic_load(&launch.failure) == RUNG_NO_FAILURE) return 0;
  snprintf(error, RUNG_ERROR_BYTES, "%s%s%s", launch.where, *launch.where ? ": " : "", launch.what);
  return -1;
}

RUNG_API int rung_launch_kernel(rung_opened *opened, const int64_t *slots, char error[RUNG_ERROR_BYTES]) {
  int64_t count = opened->image->arguments, own[count + 3];  // a kernel that refuses a launch says so in its slots
  const int64_t *grid = slots + count;
  if (!grid[0] || !grid[1] || !grid[2]) return 0;
  memcpy(own, slots, sizeof own);
  bool careful = assumes_too_much(opened->image, slots);
  if (!careful) {
    if (run(opened->usual.call, own, error)) return -1;
    if (own[count] >= 0) return 0;
    memcpy(own, slots, sizeof own);
  }
  if (!opened->careful.call) return snprintf(error, RUNG_ERROR_BYTES, "a kernel is not right for this launch"), -1;
  return run(opened->careful.call, own, error);
}

#ifdef RUNG_ALONE  // where no Python says it
__attribute__((constructor)) static void set_contexts(void) {
  const char *threads = getenv("RUNG_NUM_THREADS");
  long count = threads ? strtol(threads, NULL, 10) : 0;
  if (count > 0) rung_set_contexts(count);
}
#endif
