// Runs a kernel once, without Python: ENTRY is its packed entry point. `program INPUT OUTPUT`.
//
// INPUT has a record for each slot, the three sizes of the grid included: how many bytes (int64), then so many bytes of an
// array, whose address the slot holds; or -1, then the eight bytes of the slot itself. OUTPUT gets all arrays in that order.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { MOST_SLOTS = 64, ALIGNMENT = 64 };

void ENTRY(int64_t *slots);

static void check(int fine, const char *what) {
  if (fine) return;
  fprintf(stderr, "%s\n", what);
  exit(1);
}

int main(int argc, char **argv) {
  int64_t slots[MOST_SLOTS], bytes[MOST_SLOTS], count = 0;
  check(argc == 3, "give an input and an output file");
  FILE *file = fopen(argv[1], "rb");
  check(file != NULL, "cannot read the input");
  while (fread(&bytes[count], sizeof bytes[count], 1, file) == 1) {
    check(count + 1 < MOST_SLOTS, "too many arguments");
    void *into = &slots[count];
    if (bytes[count] >= 0) {
      check(!posix_memalign(&into, ALIGNMENT, (size_t)bytes[count] + 1), "out of memory");
      slots[count] = (int64_t)(intptr_t)into;
    }
    size_t size = bytes[count] < 0 ? sizeof slots[count] : (size_t)bytes[count];
    check(fread(into, 1, size, file) == size, "the input ends in the middle of an argument");
    count++;
  }
  fclose(file);
  check(count >= 3, "the input has no grid");
  ENTRY(slots);
  check(slots[count - 3] >= 0, "the kernel refuses this launch");
  file = fopen(argv[2], "wb");
  check(file != NULL, "cannot write the output");
  for (int64_t i = 0; i < count; i++)
    if (bytes[i] >= 0) fwrite((void *)(intptr_t)slots[i], 1, (size_t)bytes[i], file);
  check(!fclose(file), "cannot write the output");
}
